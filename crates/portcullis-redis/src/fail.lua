-- One more failure of a client, in one step.
--
-- KEYS: the client's failures: a hash with `n`, how many.
-- ARGV: how many lock out; the milliseconds of the first lock, of the longest, and after which failures
-- are forgotten; how many there are at least.
--
-- Gives how many there are now, and for how many milliseconds they lock out.
local after, first, longest, forget, least = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
-- A value of another type, or that is no number, is none of ours: it is written over.
local known = redis.pcall('HGET', KEYS[1], 'n')
local n = math.max((type(known) == 'string' and tonumber(known) or 0) + 1, least)
n = math.min(n, 255)
local lock = 0
if n >= after then
  lock = math.min(first * 2 ^ (n - after), longest)
end
if type(known) == 'table' then
  redis.call('DEL', KEYS[1])
end
redis.call('HSET', KEYS[1], 'n', string.format('%.0f', n))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', lock + forget))
return { n, lock }
