-- What all scripts begin with. Times are microseconds of the server's clock.
local time = SERVER_TIME
local now = time[1] * 1000000 + time[2]

-- An instance holds reservations as long as it is heard of.
local function alive(instances, instance, lease)
  local seen = redis.call('ZSCORE', instances, instance)
  return seen and tonumber(seen) > now - lease
end

-- A window is a list of runs, each its first and last time and its count, oldest first: see window.go, which does the
-- same. load leaves out what has left the window, and gives the sum of the rest, and whether the window must be saved even
-- if nothing is taken from it: a clock that was set back must not keep the future in the window for longer than the
-- window's length, so that it counts as of now.
local grains, max_runs = 64, 130

local function load(key, length)
  local w, used, moved = {}, 0, false
  local packed = redis.call('GET', key)
  if packed then
    local all = cmsgpack.unpack(packed)
    for i = 1, #all, 3 do
      local last = math.min(all[i + 1], now)
      moved = moved or last < all[i + 1]
      if last > now - length then
        w[#w + 1], w[#w + 2], w[#w + 3] = all[i], last, all[i + 2]
        used = used + all[i + 2]
      end
    end
  end
  return w, used, moved
end

local function save(key, w, length)
  if #w == 0 then
    redis.call('DEL', key)
  else
    redis.call('SET', key, cmsgpack.pack(w), 'PX', math.ceil(length / 1000) + 60000)
  end
end

-- add takes n at now, and gives the first time of the run they are in.
local function add(w, length, n)
  if n == 0 then
    return now
  end
  local i = #w - 2
  if i > 0 then
    local age = now - w[i]
    if age >= 0 and age < length / grains or #w == 3 * max_runs then
      w[i + 1], w[i + 2] = now, w[i + 2] + n
      return w[i]
    end
  end
  w[#w + 1], w[#w + 2], w[#w + 3] = now, now, n
  return now
end

-- Money is exact to 63 bits, and a Lua number to 53: amounts are decimal digits, added as thousand millions and the rest.
local function split(digits)
  local n = #digits
  if n <= 9 then
    return 0, tonumber(digits)
  end
  return tonumber(string.sub(digits, 1, n - 9)), tonumber(string.sub(digits, n - 8))
end

-- add_money adds to a field of a budget; what is beyond 63 bits stays at the most that they hold, as in package cost.
local function add_money(key, field, amount)
  local sum = redis.pcall('HINCRBY', key, field, amount)
  if type(sum) == 'table' and sum.err then
    redis.call('HSET', key, field, '9223372036854775807')
  end
end

local function above(high, low, limit)
  local limit_high, limit_low = split(limit)
  high, low = high + math.floor(low / 1000000000), low % 1000000000
  return high > limit_high or high == limit_high and low > limit_low
end
