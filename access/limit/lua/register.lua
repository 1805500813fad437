-- Makes an instance known by a new name, with all that it holds, and forgets its old names at the last part of it.
-- KEYS: instances; budgets. ARGV: new name; lease; whether this is the last part; how many old names, and these; of each
-- budget what is held, and milliseconds.
local old = tonumber(ARGV[4])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] / 100))
local at = 5 + old
for i = 2, #KEYS do
  for o = 5, 4 + old do
    redis.call('HDEL', KEYS[i], 'r:' .. ARGV[o])
  end
  redis.call('HSET', KEYS[i], 'r:' .. ARGV[1], ARGV[at])
  redis.call('PEXPIRE', KEYS[i], ARGV[at + 1])
  at = at + 2
end
if ARGV[3] == '1' then
  for o = 5, 4 + old do
    redis.call('ZREM', KEYS[1], ARGV[o])
  end
end
return 1
