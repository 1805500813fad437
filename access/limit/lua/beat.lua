-- Keeps an instance alive, and forgets those that were not heard of for the time of a lease.
-- KEYS: instances. ARGV: instance; lease. Gives how many there are, or 0 if this one was forgotten.
local lease = tonumber(ARGV[2])
if not alive(KEYS[1], ARGV[1], lease) then
  return 0
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - lease)
redis.call('PEXPIRE', KEYS[1], math.ceil(lease / 100))
return redis.call('ZCARD', KEYS[1])
