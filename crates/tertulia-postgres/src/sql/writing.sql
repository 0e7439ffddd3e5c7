-- What the writer calls. Each function does its work row after row in the order given: an `INSERT` finds the row that
-- is there through its unique index, and a lateral subquery with a limit cannot be turned around by the planner, which
-- may believe a table empty that is not. The plans stay with the server's process, whoever it works for, so that
-- nothing is lost behind a pooler.

CREATE OR REPLACE FUNCTION {schema}.now_us() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;

-- The time, asked once all locks are held.
CREATE OR REPLACE FUNCTION {schema}.moment() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN {schema}.now_us();
END $$;

-- Makes a transaction one that can be told later. Nobody else may have changed the row meanwhile: `settle` has if it
-- gave the transaction up.
CREATE OR REPLACE FUNCTION {schema}.sign(writer bigint, before bigint, after bigint, now bigint) RETURNS void
LANGUAGE plpgsql VOLATILE {plans} AS $$
BEGIN
    UPDATE {schema}.writers SET last = after, at = now WHERE id = writer AND last = before;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the transaction was given up' USING ERRCODE = 'serialization_failure';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION {schema}.begin_to_write(writer bigint, first bigint) RETURNS void
LANGUAGE plpgsql VOLATILE {plans} AS $$
BEGIN
    INSERT INTO {schema}.writers (id, last, at) VALUES (writer, first, {schema}.now_us());
END $$;

-- Whether the transaction that was signed so was committed. Waits for it if it is under way; if it is not even that
-- yet, it never will be: its signature no longer fits.
CREATE OR REPLACE FUNCTION {schema}.settle(writer bigint, signed bigint, instead bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE {plans} AS $$
DECLARE
    found_last bigint;
BEGIN
    SELECT last INTO STRICT found_last FROM {schema}.writers WHERE id = writer FOR UPDATE;
    IF found_last = signed THEN
        RETURN true;
    END IF;
    UPDATE {schema}.writers SET last = instead WHERE id = writer;
    RETURN false;
END $$;

CREATE OR REPLACE FUNCTION {schema}.lock_logs(shards smallint[], conversations text[], names text[])
RETURNS TABLE (n int, id bigint, version bigint, commit_id bigint, incarnation bigint, base_version bigint,
    base_len bigint, first bigint, next bigint, entry_bytes bigint, deadline bigint)
LANGUAGE plpgsql VOLATILE {plans} AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT k.n::int, l.*
    FROM unnest(shards, conversations, names) WITH ORDINALITY AS k (shard, conversation, name, n)
    CROSS JOIN LATERAL (
        SELECT h.id, h.version, h.commit_id, h.incarnation, h.base_version, h.base_len, h.first, h.next,
            h.entry_bytes, h.deadline
        FROM {schema}.logs h
        WHERE h.shard = k.shard AND h.conversation = k.conversation AND h.name = k.name
        LIMIT 1 FOR NO KEY UPDATE
    ) l;
END $$;

CREATE OR REPLACE FUNCTION {schema}.lock_queues(shards smallint[], names text[])
RETURNS TABLE (n int, id bigint, version bigint, commit_id bigint, incarnation bigint, next bigint, count bigint,
    bytes bigint)
LANGUAGE plpgsql VOLATILE {plans} AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT k.n::int, q.*
    FROM unnest(shards, names) WITH ORDINALITY AS k (shard, name, n)
    CROSS JOIN LATERAL (
        SELECT h.id, h.version, h.commit_id, h.incarnation, h.next, h.count, h.bytes
        FROM {schema}.queues h WHERE h.shard = k.shard AND h.name = k.name
        LIMIT 1 FOR NO KEY UPDATE
    ) q;
END $$;

-- Called after the queues were locked, so that it sees what the lock waited for. Where a row is stays true until the
-- transaction ends: nobody else changes a locked queue's entries, and no tables that somebody reads are rewritten.
CREATE OR REPLACE FUNCTION {schema}.load_items(shards smallint[], names text[], places bigint[])
RETURNS TABLE (n int, revision bigint, born bigint, len bigint, at tid)
LANGUAGE plpgsql VOLATILE {plans} AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT k.n::int, i.revision, i.born, i.len, i.at
    FROM unnest(shards, names, places) WITH ORDINALITY AS k (shard, name, place, n)
    CROSS JOIN LATERAL (
        SELECT h.id FROM {schema}.queues h WHERE h.shard = k.shard AND h.name = k.name LIMIT 1
    ) q
    CROSS JOIN LATERAL (
        SELECT t.revision, t.born, octet_length(t.bytes)::bigint AS len, t.ctid AS at
        FROM {schema}.items t WHERE t.queue = q.id AND t.place = k.place LIMIT 1
    ) i;
END $$;

-- Which of the ids were appended within the time that they are remembered for.
CREATE OR REPLACE FUNCTION {schema}.load_seen(spaces int[], ids bytea[], remembered bigint) RETURNS TABLE (n int)
LANGUAGE plpgsql VOLATILE {plans} AS $$
#variable_conflict use_column
DECLARE
    since bigint := {schema}.now_us() - remembered;
BEGIN
    RETURN QUERY SELECT k.n::int
    FROM unnest(spaces, ids) WITH ORDINALITY AS k (space, id, n)
    CROSS JOIN LATERAL (
        SELECT 1 FROM {schema}.seen s WHERE s.space = k.space AND s.id = k.id AND s.at > since LIMIT 1
    ) s;
END $$;

-- The numbers of these spaces, made where there are none.
CREATE OR REPLACE FUNCTION {schema}.name_spaces(queues text[], names text[]) RETURNS TABLE (n int, id int)
LANGUAGE plpgsql VOLATILE {plans} AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO {schema}.spaces (queue, name)
    SELECT k.queue, k.name FROM unnest(queues, names) AS k (queue, name)
    WHERE NOT EXISTS (SELECT 1 FROM {schema}.spaces s WHERE s.queue = k.queue AND s.name = k.name)
    ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT k.n::int, s.id
    FROM unnest(queues, names) WITH ORDINALITY AS k (queue, name, n)
    CROSS JOIN LATERAL (
        SELECT h.id FROM {schema}.spaces h WHERE h.queue = k.queue AND h.name = k.name LIMIT 1
    ) s;
END $$;

-- Removes heads; what they held is left to the sweep.
CREATE OR REPLACE FUNCTION {schema}.drop_logs(ids bigint[], held boolean[]) RETURNS void
LANGUAGE plpgsql VOLATILE {plans} AS $$
BEGIN
    FOR i IN 1 .. cardinality(ids) LOOP
        DELETE FROM {schema}.logs WHERE id = ids[i];
        IF held[i] THEN
            INSERT INTO {schema}.dropped (log) VALUES (ids[i]) ON CONFLICT DO NOTHING;
        END IF;
    END LOOP;
END $$;

-- Writes heads, those of new logs too. An absent head cannot be locked: one that somebody else made meanwhile has
-- another number, and then the whole transaction is to be run again.
CREATE OR REPLACE FUNCTION {schema}.put_logs(ids bigint[], shards smallint[], conversations text[], names text[],
    versions bigint[], commits bigint[], incarnations bigint[], base_versions bigint[], base_lens bigint[],
    firsts bigint[], nexts bigint[], entry_bytess bigint[], deadlines bigint[], rebased boolean[], bases bytea[])
RETURNS void LANGUAGE plpgsql VOLATILE {plans} AS $$
#variable_conflict use_column
DECLARE
    written bigint;
BEGIN
    -- Those whose base stays first, so that it is not carried along.
    INSERT INTO {schema}.logs AS l (id, shard, conversation, name, version, commit_id, incarnation, base_version,
        base_len, first, next, entry_bytes, deadline)
    SELECT k.id, k.shard, k.conversation, k.name, k.version, k.commit_id, k.incarnation, k.base_version,
        k.base_len, k.first, k.next, k.entry_bytes, k.deadline
    FROM unnest(ids, shards, conversations, names, versions, commits, incarnations, base_versions, base_lens,
        firsts, nexts, entry_bytess, deadlines, rebased)
        AS k (id, shard, conversation, name, version, commit_id, incarnation, base_version, base_len, first, next,
            entry_bytes, deadline, rebased)
    WHERE NOT k.rebased
    ON CONFLICT (shard, conversation, name) DO UPDATE SET version = excluded.version,
        commit_id = excluded.commit_id, first = excluded.first, next = excluded.next,
        entry_bytes = excluded.entry_bytes, deadline = excluded.deadline
    WHERE l.id = excluded.id;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written < cardinality(ids) THEN
        DECLARE
            rest bigint;
        BEGIN
            INSERT INTO {schema}.logs AS l (id, shard, conversation, name, version, commit_id, incarnation,
                base_version, base_len, first, next, entry_bytes, deadline, base)
            SELECT k.id, k.shard, k.conversation, k.name, k.version, k.commit_id, k.incarnation, k.base_version,
                k.base_len, k.first, k.next, k.entry_bytes, k.deadline, k.base
            FROM unnest(ids, shards, conversations, names, versions, commits, incarnations, base_versions,
                base_lens, firsts, nexts, entry_bytess, deadlines, rebased, bases)
                AS k (id, shard, conversation, name, version, commit_id, incarnation, base_version, base_len,
                    first, next, entry_bytes, deadline, rebased, base)
            WHERE k.rebased
            ON CONFLICT (shard, conversation, name) DO UPDATE SET version = excluded.version,
                commit_id = excluded.commit_id, base_version = excluded.base_version,
                base_len = excluded.base_len, first = excluded.first, next = excluded.next,
                entry_bytes = excluded.entry_bytes, deadline = excluded.deadline, base = excluded.base
            WHERE l.id = excluded.id;
            GET DIAGNOSTICS rest = ROW_COUNT;
            written := written + rest;
        END;
    END IF;
    IF written <> cardinality(ids) THEN
        RAISE EXCEPTION 'another writer made one of the logs' USING ERRCODE = 'serialization_failure';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION {schema}.put_bases(logs bigint[], bytess bytea[]) RETURNS void
LANGUAGE plpgsql VOLATILE {plans} AS $$
BEGIN
    INSERT INTO {schema}.bases AS b (log, bytes) SELECT * FROM unnest(logs, bytess)
    ON CONFLICT (log) DO UPDATE SET bytes = excluded.bytes;
END $$;

CREATE OR REPLACE FUNCTION {schema}.drop_bases(logs bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE {plans} AS $$
BEGIN
    FOR i IN 1 .. cardinality(logs) LOOP
        DELETE FROM {schema}.bases WHERE log = logs[i];
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION {schema}.append_entries(logs bigint[], places bigint[], bytess bytea[]) RETURNS void
LANGUAGE plpgsql VOLATILE {plans} AS $$
BEGIN
    INSERT INTO {schema}.entries (log, place, bytes) SELECT * FROM unnest(logs, places, bytess);
END $$;

CREATE OR REPLACE FUNCTION {schema}.trim_entries(logs bigint[], firsts bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE {plans} AS $$
BEGIN
    FOR i IN 1 .. cardinality(logs) LOOP
        DELETE FROM {schema}.entries WHERE log = logs[i] AND place < firsts[i];
    END LOOP;
END $$;

-- Like `put_logs`.
CREATE OR REPLACE FUNCTION {schema}.put_queues(ids bigint[], shards smallint[], names text[], versions bigint[],
    commits bigint[], incarnations bigint[], nexts bigint[], counts bigint[], bytess bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE {plans} AS $$
#variable_conflict use_column
DECLARE
    written bigint;
BEGIN
    INSERT INTO {schema}.queues AS q (id, shard, name, version, commit_id, incarnation, next, count, bytes)
    SELECT * FROM unnest(ids, shards, names, versions, commits, incarnations, nexts, counts, bytess)
    ON CONFLICT (shard, name) DO UPDATE SET version = excluded.version, commit_id = excluded.commit_id,
        next = excluded.next, count = excluded.count, bytes = excluded.bytes
    WHERE q.id = excluded.id;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written <> cardinality(ids) THEN
        RAISE EXCEPTION 'another writer made one of the queues' USING ERRCODE = 'serialization_failure';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION {schema}.append_items(queues bigint[], places bigint[], revisions bigint[], births bigint[],
    spaces int[], ids bytea[], bytess bytea[]) RETURNS void
LANGUAGE plpgsql VOLATILE {plans} AS $$
BEGIN
    INSERT INTO {schema}.items (queue, place, revision, born, space, id, bytes)
    SELECT * FROM unnest(queues, places, revisions, births, spaces, ids, bytess);
END $$;

CREATE OR REPLACE FUNCTION {schema}.replace_items(queues bigint[], places bigint[], revisions bigint[], bytess bytea[])
RETURNS void LANGUAGE plpgsql VOLATILE {plans} AS $$
BEGIN
    FOR i IN 1 .. cardinality(queues) LOOP
        UPDATE {schema}.items SET revision = revisions[i], bytes = bytess[i]
        WHERE queue = queues[i] AND place = places[i];
    END LOOP;
END $$;

-- Removes entries that this transaction loaded, by where their rows are: no index is searched, and one statement
-- removes them all. A tenth of the time that a statement for each takes.
CREATE OR REPLACE FUNCTION {schema}.remove_items(rows tid[]) RETURNS void
LANGUAGE plpgsql VOLATILE {plans} AS $$
DECLARE
    removed bigint;
BEGIN
    DELETE FROM {schema}.items WHERE ctid = ANY (rows);
    GET DIAGNOSTICS removed = ROW_COUNT;
    IF removed <> cardinality(rows) THEN
        RAISE EXCEPTION 'an entry of a locked queue is gone' USING ERRCODE = 'serialization_failure';
    END IF;
END $$;
