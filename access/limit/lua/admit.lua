-- Takes a request from all its windows and budgets, or from none.
-- KEYS: instances; windows; budgets.
-- ARGV: instance; lease; how many windows, and of each its length, limit and need; the need of money; of each budget its
-- limit, empty if it never refuses, and how many milliseconds it is kept.
-- Gives 0 (taken) or 1 (refused), then of each window used, reset, wait (-1 never) and run, then of each budget whether
-- it has enough; or 2 and the budgets of which it is not known what was spent; or 3 if the instance's lease is over.
local instances, instance, lease = KEYS[1], ARGV[1], tonumber(ARGV[2])
if not alive(instances, instance, lease) then
  return {3}
end

local count = tonumber(ARGV[3])
local need = ARGV[4 + 3 * count]
local first_budget = 2 + count
local budgets_at = 5 + 3 * count
local refused = false

local unknown, enough = {2}, {}
for i = first_budget, #KEYS do
  local limit = ARGV[budgets_at + 2 * (i - first_budget)]
  local fields = redis.call('HGETALL', KEYS[i])
  local high, low = split(need)
  local known = false
  for f = 1, #fields, 2 do
    local name, value = fields[f], fields[f + 1]
    local counts = name == 'spent'
    known = known or counts
    if string.sub(name, 1, 2) == 'r:' then
      counts = alive(instances, string.sub(name, 3), lease)
      if not counts then
        redis.call('HDEL', KEYS[i], name)
      end
    end
    if counts then
      local h, l = split(value)
      high, low = high + h, low + l
    end
  end
  if not known then
    unknown[#unknown + 1] = i - first_budget
  end
  local fits = limit == '' or need == '0' or not above(high, low, limit)
  enough[#enough + 1] = fits and 1 or 0
  refused = refused or not fits
end
if #unknown > 1 then
  return unknown
end

local windows, reply = {}, {0}
for i = 1, count do
  local at = 1 + 3 * i
  local length, limit, n = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local w, used, moved = load(KEYS[1 + i], length)
  if moved then
    save(KEYS[1 + i], w, length)
  end
  local wait, over = 0, used + n - limit
  if n > limit then
    wait = -1
  elseif over > 0 then
    wait = length
    for r = 1, #w, 3 do
      over = over - w[r + 2]
      if over <= 0 then
        wait = w[r + 1] + length - now
        break
      end
    end
  end
  refused = refused or wait ~= 0
  windows[i] = {w, length, n}
  local at_reply = 4 * i - 2
  reply[at_reply], reply[at_reply + 1], reply[at_reply + 2], reply[at_reply + 3] =
    used, #w > 0 and w[#w - 1] + length - now or 0, wait, 0
end
for _, fits in ipairs(enough) do
  reply[#reply + 1] = fits
end
if refused then
  reply[1] = 1
  return reply
end

for i, window in ipairs(windows) do
  reply[4 * i + 1] = add(window[1], window[2], window[3])
  save(KEYS[1 + i], window[1], window[2])
end
for i = first_budget, #KEYS do
  if need ~= '0' then
    add_money(KEYS[i], 'r:' .. instance, need)
  end
  redis.call('PEXPIRE', KEYS[i], ARGV[budgets_at + 2 * (i - first_budget) + 1])
end
return reply
