-- The generic cell rate algorithm for one client, in one step.
--
-- KEYS: one for each quota, holding the time at which it is whole again: "seconds nanoseconds".
-- ARGV: for how many requests to spend at most; then, for each quota, the nanoseconds in which one
-- request refills, those in which a burst does, and what a request costs.
--
-- Gives for how many requests was spent; then, for each quota, the nanoseconds until it is whole,
-- and those until it would have allowed one request.
local time = redis.call('TIME')
local now_s, now_n = tonumber(time[1]), tonumber(time[2]) * 1000
local requests = tonumber(ARGV[1])
local quotas = {}

for i, key in ipairs(KEYS) do
  local interval, window, cost = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  local s, n
  -- A value of another type, or that is no time, is none of ours: it is written over.
  local value = redis.pcall('GET', key)
  if type(value) == 'string' then
    s, n = string.match(value, '^(%d+) (%d+)$')
  end
  local owed = s and math.max(0, (s - now_s) * 1e9 + (n - now_n)) or 0
  -- Nobody owes more than a burst, even if the quota was larger, or the clock was put back.
  local is_changed = owed > window
  owed = math.min(owed, window)
  quotas[i] = { owed = owed, price = interval * cost, window = window, is_changed = is_changed }
  requests = math.min(requests, math.floor((window - owed) / (interval * cost)))
end

requests = math.max(0, requests)
local answer = { requests }
for i, key in ipairs(KEYS) do
  local quota = quotas[i]
  local wait = math.max(0, quota.owed + quota.price - quota.window)
  quota.owed = quota.owed + quota.price * requests
  if requests > 0 or quota.is_changed then
    local whole = now_n + quota.owed
    local value = string.format('%.0f %.0f', now_s + math.floor(whole / 1e9), whole % 1e9)
    redis.call('SET', key, value, 'PX', string.format('%.0f', math.ceil(quota.owed / 1e6)))
  end
  answer[2 * i] = quota.owed
  answer[2 * i + 1] = wait
end
return answer
