#!lua
-- Applies a batch whole or not at all. The rules are those of `decide.rs` in the library.
--
-- Everything is looked at and decided before the first write, the types of keys too, since an error later on would
-- leave what was written. Numbers are doubles here: ids stay strings of 8 bytes, counts are below 2^53.
--
-- KEYS, per write: of a log its record, its entries, its shard's index and deadlines; of a queue its record, its
-- items, its seen ids and its shard's index.
-- ARGV: the batch (see `wire.rs`), then per write its description, its key's id, and the bytes that it carries.
-- Answers { 0, now, heads, appended }, { 1, now, failed }, { 2, write }, { 3, write, entries, bytes }
-- or { 4, write, what }.

local call, pack, read = redis.call, struct.pack, struct.unpack
local byte, sub = string.byte, string.sub
local LOG, QUEUE, ITEM = '>Bc8c8I8I8I8I8I8I8I8', '>Bc8c8I8I8I8I8', '>BI8c8c8I2'
local LOG_LEN, QUEUE_LEN, ITEM_LEN = 73, 49, 27

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
local count, commit, most_entries, most_bytes, forget_after = read('>I4c8I8I8I8', ARGV[1])
local key_at, arg_at = 1, 2
local plans, failed = {}, {}

-- ---- Expectations ----

for i = 1, count do
  local plan = { description = ARGV[arg_at], id = ARGV[arg_at + 1], key = names[key_at], key2 = names[key_at + 1] }
  plans[i] = plan
  arg_at = arg_at + 2
  if byte(plan.description) == 1 then
    plan.index, plan.deadlines = names[key_at + 2], names[key_at + 3]
    key_at = key_at + 4
    local raw = call('GETRANGE', plan.key, 0, LOG_LEN - 1)
    if raw ~= '' then
      if #raw ~= LOG_LEN or byte(raw) ~= 1 then return { 4, i, 'the record' } end
      local _, incarnation, moved, version, base_version, base_len, first, next, entry_bytes, deadline = read(LOG, raw)
      if deadline == 0 or deadline > now then
        plan.head = {
          raw = raw, incarnation = incarnation, commit = moved, version = version, base_version = base_version,
          base_len = base_len, first = first, next = next, entry_bytes = entry_bytes, deadline = deadline,
        }
      end
    end
    local head = plan.head
    local _, kind, id, number
    _, kind, id, number, plan.has_base, plan.delete, plan.has_first, plan.has_trim, plan.expire, plan.first,
      plan.trim, plan.lifetime, plan.appends, plan.bytes = read('>BBc8I8BBBBBI8I8I8I4I8', plan.description)
    plan.at = arg_at
    arg_at = arg_at + plan.has_base + plan.appends
    local holds
    if kind == 0 then holds = true
    elseif kind == 1 then holds = not head
    elseif kind == 2 then holds = head and head.incarnation == id
    elseif kind == 3 then holds = head and head.commit == id and head.version == number
    else holds = head and head.incarnation == id and head.next == number end
    if not holds then
      failed[#failed + 1] = pack('>I4I4', i, 0)
      failed[#failed + 1] = head and head.raw or false
    end
  else
    plan.seen_key, plan.index = names[key_at + 2], names[key_at + 3]
    key_at = key_at + 4
    plan.is_queue = true
    local raw = call('GET', plan.key)
    if raw then
      if #raw ~= QUEUE_LEN or byte(raw) ~= 1 then return { 4, i, 'the record' } end
      local _, incarnation, moved, version, next, entries, bytes = read(QUEUE, raw)
      plan.head = {
        raw = raw, incarnation = incarnation, commit = moved, version = version, next = next, entries = entries,
        bytes = bytes,
      }
    end
    local head = plan.head
    if call('ZCARD', plan.key2) ~= (head and head.entries or 0) then return { 4, i, 'the count of entries' } end
    local _
    _, plan.appends, plan.replaces, plan.removes, plan.sees = read('>BI4I4I4I4', plan.description)
    local item = function(offset)
      return call('ZRANGEBYSCORE', plan.key2, offset, offset)[1]
    end
    plan.at = arg_at
    arg_at = arg_at + 2 * plan.appends
    plan.freed, plan.replaced = 0, {}
    for j = 1, plan.replaces do
      local offset, revision = read('>I8c8', ARGV[arg_at])
      local found = item(offset)
      local same = false
      if found then
        if #found < ITEM_LEN or byte(found) ~= 1 then return { 4, i, 'an entry' } end
        local _, _, is, _, id_len = read(ITEM, found)
        same = is == revision
        plan.freed = plan.freed + #found - ITEM_LEN - id_len
        -- Its birth stays its birth, and its id its id.
        plan.replaced[j] = { offset, sub(found, ITEM_LEN - 9, ITEM_LEN + id_len), arg_at + 1, found }
      end
      if not same then
        failed[#failed + 1] = pack('>I4I4', i, j)
        failed[#failed + 1] = head and head.raw or false
      end
      arg_at = arg_at + 2
    end
    plan.removed = {}
    local removes = ARGV[arg_at]
    arg_at = arg_at + 1
    for j = 1, plan.removes do
      -- An expected one by its revision, any other by its birth.
      local offset, expected, by = read('>I8Bc8', removes, (j - 1) * 17 + 1)
      local found = item(offset)
      local same = false
      if found then
        if #found < ITEM_LEN or byte(found) ~= 1 then return { 4, i, 'an entry' } end
        local _, _, revision, born, id_len = read(ITEM, found)
        same = by == (expected == 1 and revision or born)
        if same then
          plan.freed = plan.freed + #found - ITEM_LEN - id_len
          plan.removed[#plan.removed + 1] = offset
        end
      end
      if expected == 1 and not same then
        failed[#failed + 1] = pack('>I4I4', i, plan.replaces + j)
        failed[#failed + 1] = head and head.raw or false
      end
    end
    plan.sees_at = arg_at
    arg_at = arg_at + plan.sees
    -- Per append, and behind them per id without an entry: whether it was seen, in the store or earlier in this write.
    plan.seen, plan.adds, plan.ids, plan.handed = {}, 0, 0, 0
    local id_of = function(j)
      if j <= plan.appends then return ARGV[plan.at + 2 * j - 2] end
      return sub(ARGV[plan.sees_at + j - plan.appends - 1], 9)
    end
    local asked = { 'ZMSCORE', plan.seen_key }
    local places = {}
    local ask = function()
      if #places == 0 then return end
      for j, at in ipairs(call(unpack(asked))) do
        if at and now - at < forget_after then plan.seen[places[j]] = true end
      end
      asked, places = { 'ZMSCORE', plan.seen_key }, {}
    end
    for j = 1, plan.appends + plan.sees do
      local id = id_of(j)
      if id ~= '' then
        asked[#asked + 1] = id
        places[#places + 1] = j
        if #places == 1000 then ask() end
      end
    end
    ask()
    local earlier = {}
    for j = 1, plan.appends + plan.sees do
      local id = id_of(j)
      if id ~= '' then
        if earlier[id] then plan.seen[j] = true end
        earlier[id] = true
      end
      if not plan.seen[j] and j > plan.appends then
        plan.handed = plan.handed + 1
      elseif not plan.seen[j] then
        plan.adds = plan.adds + 1
        if id ~= '' then plan.ids = plan.ids + 1 end
      end
    end
  end
end

if #failed > 0 then return { 1, now, failed } end

-- ---- Decisions ----

for i = 1, count do
  local plan = plans[i]
  local head = plan.head
  if plan.is_queue then
    if head or plan.adds > 0 or plan.handed > 0 then
      local after = head and {
        incarnation = head.incarnation, commit = head.commit, version = head.version, next = head.next,
        entries = head.entries, bytes = head.bytes,
      } or { incarnation = commit, commit = commit, version = 0, next = 0, entries = 0, bytes = 0 }
      after.entries = after.entries - #plan.removed + plan.adds
      after.bytes = after.bytes - plan.freed
      for j = 1, plan.replaces do after.bytes = after.bytes + #ARGV[plan.replaced[j][3]] end
      if plan.adds > 0 or not head then after.version, after.commit = after.version + 1, commit end
      if plan.adds > 0 then
        for j = 1, plan.appends do
          if not plan.seen[j] then
            -- What follows the id in the entry's tail is the entry.
            local at = plan.at + 2 * j - 2
            after.bytes = after.bytes + #ARGV[at + 1] - 2 - #ARGV[at]
          end
        end
        if after.entries > most_entries or after.bytes > most_bytes then
          return { 3, i, after.entries, after.bytes }
        end
      end
      plan.next = after.next
      after.next = after.next + plan.adds
      plan.changes = plan.adds > 0 or plan.replaces > 0 or #plan.removed > 0 or plan.handed > 0
      plan.after = pack(QUEUE, 1, after.incarnation, after.commit, after.version, after.next, after.entries,
        after.bytes)
      if not head then call('ZCARD', plan.index) end
    end
  elseif plan.delete == 0 then
    local moves = plan.has_base == 1 or plan.appends > 0
    if head and plan.has_first == 1 then return { 2, i } end
    if head or moves then
      local after = head and {
        incarnation = head.incarnation, commit = head.commit, version = head.version,
        base_version = head.base_version, base_len = head.base_len, first = head.first, next = head.next,
        entry_bytes = head.entry_bytes, deadline = head.deadline,
      } or {
        incarnation = commit, commit = commit, version = 0, base_version = 0, base_len = 0, first = plan.first,
        next = plan.first, entry_bytes = 0, deadline = 0,
      }
      if moves then after.version, after.commit = after.version + 1, commit end
      if plan.has_base == 1 then
        after.base_version, after.base_len, after.entry_bytes = after.version, #ARGV[plan.at], 0
      end
      after.entry_bytes = after.entry_bytes + plan.bytes
      after.next = after.next + plan.appends
      plan.was_first = after.first
      if plan.has_trim == 1 then after.first = math.min(math.max(plan.trim, after.first), after.next) end
      if plan.expire == 1 then after.deadline = 0
      elseif plan.expire == 2 then after.deadline = math.min(now + plan.lifetime, 9007199254740991) end
      plan.trims = after.first ~= plan.was_first
      plan.was_deadline = head and head.deadline or 0
      plan.deadline, plan.dropped, plan.emptied = after.deadline, after.first - plan.was_first, after.first == after.next
      plan.length = head and head.next - head.first or 0
      if head and (plan.trims or plan.appends > 0) and call('LLEN', plan.key2) ~= plan.length then
        return { 4, i, 'the count of entries' }
      end
      plan.left = 0
      if not head then
        call('ZCARD', plan.index)
        -- Of one that expired.
        plan.left = call('LLEN', plan.key2)
      end
      if not head or plan.expire ~= 0 then call('ZCARD', plan.deadlines) end
      plan.moves, plan.changes = moves, moves or plan.trims or plan.expire ~= 0
      plan.after = pack(LOG, 1, after.incarnation, after.commit, after.version, after.base_version, after.base_len,
        after.first, after.next, after.entry_bytes, after.deadline)
    end
  elseif head then
    call('ZCARD', plan.index)
    call('ZCARD', plan.deadlines)
  end
end

-- ---- Writes: nothing below may fail ----

local heads, appended, news, swept = {}, {}, {}, {}

local tell = function(plan)
  -- The channel of a shard is named as its index is, but for the last letter.
  local channel = sub(plan.index, 1, -2) .. 'c'
  local ids = news[channel] or {}
  news[channel] = ids
  ids[#ids + 1] = pack('>I2', #plan.id) .. plan.id
end

-- Calls a command with many arguments in parts, since a call takes a few thousand at most.
local in_parts = function(command, key, arguments)
  local from = 1
  while from <= #arguments do
    local to = math.min(from + 999, #arguments)
    call(command, key, unpack(arguments, from, to))
    from = to + 1
  end
end

-- A key that is emptied is gone, and where its slot is on its way to another node it cannot be made again. So what
-- comes into a key comes before anything leaves it, here and below.
for i = 1, count do
  local plan = plans[i]
  if plan.changes then
    if not plan.head then call('ZADD', plan.index, 0, plan.id) end
    if not plan.is_queue and plan.deadline > 0 and plan.deadline ~= plan.was_deadline then
      call('ZADD', plan.deadlines, plan.deadline, plan.id)
    end
  end
end

for i = 1, count do
  local plan = plans[i]
  local head, after = plan.head, plan.after
  heads[i] = after or false
  if plan.is_queue then
    local next, items, ids = plan.next, {}, {}
    for j = 1, plan.appends do
      if plan.seen[j] then
        appended[#appended + 1] = pack('>I8', 0)
      else
        local at = plan.at + 2 * j - 2
        items[#items + 1] = next
        items[#items + 1] = pack('>BI8c8c8', 1, next, commit, commit) .. ARGV[at + 1]
        if ARGV[at] ~= '' then
          ids[#ids + 1] = now
          ids[#ids + 1] = ARGV[at]
        end
        next = next + 1
        appended[#appended + 1] = pack('>I8', next)
      end
    end
    for j = 1, plan.sees do
      if not plan.seen[plan.appends + j] then
        local handed = ARGV[plan.sees_at + j - 1]
        ids[#ids + 1] = now - forget_after + read('>I8', handed)
        ids[#ids + 1] = sub(handed, 9)
      end
    end
    if plan.changes then
      in_parts('ZADD', plan.key2, items)
      for j = 1, plan.replaces do
        local offset, kept, at, found = unpack(plan.replaced[j])
        local item = pack('>BI8c8', 1, offset, commit) .. kept .. ARGV[at]
        if item ~= found then
          call('ZADD', plan.key2, offset, item)
          call('ZREM', plan.key2, found)
        end
      end
      for _, offset in ipairs(plan.removed) do call('ZREMRANGEBYSCORE', plan.key2, offset, offset) end
      if #ids > 0 then
        in_parts('ZADD', plan.seen_key, ids)
        local old = call('ZRANGEBYSCORE', plan.seen_key, '-inf', now - forget_after, 'LIMIT', 0,
          math.min(#ids + 16, 1000))
        in_parts('ZREM', plan.seen_key, old)
      end
      call('SET', plan.key, after)
      if plan.adds > 0 or not head then tell(plan) end
    end
  elseif plan.delete == 1 then
    if head then
      call('UNLINK', plan.key)
      call('UNLINK', plan.key2)
      call('ZREM', plan.index, plan.id)
      if head.deadline > 0 then call('ZREM', plan.deadlines, plan.id) end
      tell(plan)
    end
  elseif plan.changes then
    local deadline = plan.deadline
    if plan.has_base == 1 or not head then
      local record = plan.has_base == 1 and after .. ARGV[plan.at] or after
      if deadline > 0 then call('SET', plan.key, record, 'PXAT', deadline) else call('SET', plan.key, record) end
    else
      call('SETRANGE', plan.key, 0, after)
      if deadline ~= plan.was_deadline then
        if deadline > 0 then call('PEXPIREAT', plan.key, deadline) else call('PERSIST', plan.key) end
      end
    end
    local from = plan.at + plan.has_base
    while from < plan.at + plan.has_base + plan.appends do
      local to = math.min(from + 999, plan.at + plan.has_base + plan.appends - 1)
      call('RPUSH', plan.key2, unpack(ARGV, from, to))
      from = to + 1
    end
    if plan.trims or plan.left > 0 then
      if plan.emptied then call('UNLINK', plan.key2)
      else call('LTRIM', plan.key2, plan.left + plan.dropped, -1) end
    end
    if not plan.emptied and (deadline ~= plan.was_deadline or plan.left > 0 or (deadline > 0 and plan.length == 0)) then
      if deadline > 0 then call('PEXPIREAT', plan.key2, deadline) else call('PERSIST', plan.key2) end
    end
    if deadline == 0 and (plan.was_deadline > 0 or not head) then call('ZREM', plan.deadlines, plan.id) end
    if plan.moves or plan.expire ~= 0 then tell(plan) end
    if not head or plan.expire ~= 0 then swept[plan.deadlines] = plan.index end
  end
end

-- What expired leaves the index, a few at a time; Redis itself gives back the space.
for deadlines, index in pairs(swept) do
  local gone = call('ZRANGEBYSCORE', deadlines, '-inf', now, 'LIMIT', 0, 4)
  if #gone > 0 then
    call('ZREM', index, unpack(gone))
    call('ZREM', deadlines, unpack(gone))
  end
end

for channel, ids in pairs(news) do call('SPUBLISH', channel, table.concat(ids)) end

return { 0, now, heads, table.concat(appended) }
