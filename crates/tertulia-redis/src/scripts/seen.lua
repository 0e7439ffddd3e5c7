#!lua flags=no-writes
-- Gives ids that a queue remembers, those first that are forgotten first.
--
-- KEYS: its seen ids.
-- ARGV: how long ids count and the most to give; behind a page, the time of its last id, and that id.
-- Answers { now, ids, times }.

local call, pack, read = redis.call, struct.pack, struct.unpack

local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local forget_after, most = read('>I8I8', ARGV[1])
local rank = call('ZCOUNT', KEYS[1], '-inf', now - forget_after)
if #ARGV > 1 then
  local at = read('>I8', ARGV[2])
  -- One that is not there as it was has been forgotten since, and so have those of its time.
  if tonumber(call('ZSCORE', KEYS[1], ARGV[3]) or -1) == at then
    rank = math.max(rank, call('ZRANK', KEYS[1], ARGV[3]) + 1)
  else
    rank = math.max(rank, call('ZCOUNT', KEYS[1], '-inf', at))
  end
end
local some = call('ZRANGE', KEYS[1], rank, rank + most - 1, 'WITHSCORES')
local ids, times = {}, {}
for i = 1, #some, 2 do
  ids[#ids + 1] = some[i]
  times[#times + 1] = pack('>I8', tonumber(some[i + 1]))
end
return { now, ids, table.concat(times) }
