-- Says what was spent of a budget before anything is known of it here.
-- KEYS: budget. ARGV: spent; milliseconds; the thresholds that this crosses, which were reported by whoever spent it.
if redis.call('HSETNX', KEYS[1], 'spent', ARGV[1]) == 1 then
  for i = 3, #ARGV do
    redis.call('HSET', KEYS[1], 'a:' .. ARGV[i], 1)
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
