-- Applies a batch of what one instance settled, once, however often it is sent.
-- KEYS: the instance's journal; token windows; budgets.
-- ARGV: number of the batch; instance that holds the reservations; whether a ledger knows what was spent; how many
-- windows, and of each its length, run and correction; of each budget what was spent, or "forget" to have the
-- ledger asked again, what is given back, milliseconds, how many thresholds, and of each percent and amount.
-- Gives the crossed thresholds as text: "<budget> <percent> <spent>;" of each.
local journal = redis.call('HMGET', KEYS[1], 'batch', 'reply')
if journal[1] and tonumber(journal[1]) >= tonumber(ARGV[1]) then
  return journal[2]
end
local holder, ledger, count = 'r:' .. ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])

local at = 5
for i = 1, count do
  local key, length, run, n = KEYS[1 + i], tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  at = at + 3
  local w = load(key, length)
  if n > 0 then
    add(w, length, n)
  else
    for r = 1, #w, 3 do
      if w[r] == run then
        w[r + 2] = w[r + 2] - math.min(-n, w[r + 2])
        if w[r + 2] == 0 then
          table.remove(w, r)
          table.remove(w, r)
          table.remove(w, r)
        end
        break
      end
    end
  end
  save(key, w, length)
end

local crossed = ''
for i = count + 2, #KEYS do
  local key, spent, back = KEYS[i], ARGV[at], ARGV[at + 1]
  -- What is not known here is read from the ledger when it is asked for, with this in it.
  if spent == 'forget' then
    redis.call('HDEL', key, 'spent')
  elseif not ledger or redis.call('HEXISTS', key, 'spent') == 1 then
    add_money(key, 'spent', spent)
    redis.call('PEXPIRE', key, ARGV[at + 2])
  end
  if back ~= '0' and redis.call('HEXISTS', key, holder) == 1 and redis.call('HINCRBY', key, holder, '-' .. back) <= 0 then
    redis.call('HDEL', key, holder)
  end
  local total = redis.call('HGET', key, 'spent')
  local thresholds = tonumber(ARGV[at + 3])
  at = at + 4
  for _ = 1, thresholds do
    local percent, amount = ARGV[at], ARGV[at + 1]
    at = at + 2
    if total then
      local high, low = split(total)
      if (total == amount or above(high, low, amount)) and redis.call('HSETNX', key, 'a:' .. percent, 1) == 1 then
        crossed = crossed .. (i - count - 2) .. ' ' .. percent .. ' ' .. total .. ';'
      end
    end
  end
end
redis.call('HSET', KEYS[1], 'batch', ARGV[1], 'reply', crossed)
redis.call('PEXPIRE', KEYS[1], 86400000)
return crossed
