#!lua flags=no-writes
-- Reads logs and queues as they are at one moment.
--
-- KEYS, per read: the record, then the entries of a log or the items of a queue.
-- ARGV, per read: its description (see `wire.rs`).
-- Answers { now, page, .. }: a page is false where there is nothing, else { record, base, first, entries } of a log
-- and { record, items } of a queue. Whether a place that was asked for is there, the caller sees by the record.

local call, read = redis.call, struct.unpack
local byte = string.byte
local LOG, QUEUE = '>Bc8c8I8I8I8I8I8I8I8', '>Bc8c8I8I8I8I8'
local LOG_LEN, QUEUE_LEN = 73, 49

-- In a slot that is on its way here, KEYS has the first name alone, and the last of ARGV has all of them with their
-- lengths before them (see `script.rs`).
local names = KEYS
if #KEYS == 1 then
  names = {}
  local packed, at = table.remove(ARGV), 1
  while at <= #packed do names[#names + 1], at = read('>I4c0', packed, at) end
end

local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local pages = { now }

-- Takes from `fetch(n)`, which gives at most the next n, until there are `most` or they have over `most_bytes`;
-- `length` tells the bytes of one. One is taken whatever it has.
local take = function(fetch, length, most, most_bytes)
  local taken, bytes, step = {}, 0, 8
  while #taken < most do
    if #taken > 0 then step = math.min(step, math.floor((most_bytes - bytes) * #taken / math.max(bytes, 1)) + 1) end
    local some = fetch(math.min(step, most - #taken))
    if #some == 0 then return taken end
    for _, entry in ipairs(some) do
      bytes = bytes + length(entry)
      if bytes > most_bytes and #taken > 0 then return taken end
      taken[#taken + 1] = entry
    end
    step = math.min(step * 2, 512)
  end
  return taken
end

for i = 1, #ARGV do
  local record, entries = names[2 * i - 1], names[2 * i]
  local is_queue, from, incarnation, place, most, most_bytes, base, base_id, base_version =
    read('>BBc8I8I8I8Bc8I8', ARGV[i])
  local page = false
  if is_queue == 1 then
    local raw = call('GET', record)
    if raw then
      page = { raw, {} }
      if #raw == QUEUE_LEN and byte(raw) == 1 and most > 0 then
        local _, id, _, _, next, count = read(QUEUE, raw)
        local rank = 0
        if from == 2 then rank = math.max(count - place, 0)
        elseif from == 1 then rank = call('ZCOUNT', entries, '-inf', '(' .. string.format('%.0f', place)) end
        if from ~= 1 or (id == incarnation and place <= next) then
          page[2] = take(function(n)
            local some = call('ZRANGE', entries, rank, rank + n - 1)
            rank = rank + n
            return some
          end, function(item)
            -- What is cut short, the caller finds out.
            if #item < 27 then return #item end
            local _, _, _, _, id_len = read('>BI8c8c8I2', item)
            return #item - 27 - id_len
          end, most, most_bytes)
        end
      end
    end
  else
    local raw = call('GETRANGE', record, 0, LOG_LEN - 1)
    if raw ~= '' then
      page = { raw, false, 0, {} }
      if #raw == LOG_LEN and byte(raw) == 1 then
        local _, id, _, _, set_at, base_len, first, next, _, deadline = read(LOG, raw)
        if deadline > 0 and deadline <= now then
          page = false
        else
          local at = first
          if from == 2 then at = math.max(next - place, first)
          elseif from == 1 then at = place end
          if from ~= 1 or (id == incarnation and at >= first and at <= next) then
            page[3] = at
            if set_at > 0 and (base == 0 or (base == 2 and not (base_id == id and base_version == set_at))) then
              page[2] = call('GETRANGE', record, LOG_LEN, -1)
            end
            if most > 0 and at < next then
              local rank = at - first
              page[4] = take(function(n)
                local some = call('LRANGE', entries, rank, rank + n - 1)
                rank = rank + n
                return some
              end, function(entry) return #entry end, most, most_bytes)
            end
          end
        end
      end
    end
  end
  pages[#pages + 1] = page
end
return pages
