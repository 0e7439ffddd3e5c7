-- What readers call. The functions are `STABLE`: all that one call looks at is of one moment, that of the statement.

-- Rows of the read number n: its head first (kind 0 of a log, 1 of a queue), then its entries in order (kind 2).
-- `from_kinds`: 0 the start, 1 at a place, 2 the last so many. `base_kinds`: 0 always, 1 never, 2 unless.
CREATE OR REPLACE FUNCTION {schema}.read_pages(are_queues boolean[], shards smallint[], conversations text[], names text[],
    from_kinds smallint[], from_incarnations bigint[], from_places bigint[], max_entries bigint[],
    max_bytes bigint[], base_kinds smallint[], base_incarnations bigint[], base_versions bigint[])
RETURNS TABLE (n int, kind smallint, place bigint, revision bigint, born bigint, space text, id bytea, head bigint[],
    bytes bytea)
LANGUAGE plpgsql STABLE {plans} AS $$
#variable_conflict use_column
DECLARE
    now bigint := {schema}.now_us();
    l record;
    wanted boolean;
    start bigint;
    stop bigint;
BEGIN
    FOR i IN 1 .. cardinality(are_queues) LOOP
        IF are_queues[i] THEN
            SELECT h.* INTO l FROM {schema}.queues h WHERE h.shard = shards[i] AND h.name = names[i];
            CONTINUE WHEN NOT FOUND;
            RETURN QUERY SELECT i, 1::smallint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::text, NULL::bytea,
                ARRAY[l.id, l.version, l.commit_id, l.incarnation, l.next, l.count, l.bytes], NULL::bytea;
            CONTINUE WHEN max_entries[i] = 0 OR l.count = 0
                OR from_kinds[i] = 1 AND (from_incarnations[i] <> l.incarnation OR from_places[i] > l.next);
            start := CASE from_kinds[i] WHEN 1 THEN from_places[i] ELSE 0 END;
            IF from_kinds[i] = 2 AND from_places[i] < l.count THEN
                CONTINUE WHEN from_places[i] = 0;
                SELECT t.place INTO start FROM {schema}.items t WHERE t.queue = l.id
                ORDER BY t.queue DESC, t.place DESC LIMIT 1 OFFSET from_places[i] - 1;
            END IF;
            stop := {schema}.items_within(l.id, start, max_entries[i], max_bytes[i], l.bytes);
            RETURN QUERY SELECT i, 2::smallint, t.place, t.revision, t.born,
                (SELECT s.name FROM {schema}.spaces s WHERE s.id = t.space), t.id, NULL::bigint[], t.bytes
            FROM {schema}.items t WHERE t.queue = l.id AND t.place >= start AND t.place < stop
            ORDER BY t.queue, t.place LIMIT max_entries[i];
        ELSE
            SELECT h.* INTO l FROM {schema}.logs h
            WHERE h.shard = shards[i] AND h.conversation = conversations[i] AND h.name = names[i];
            CONTINUE WHEN NOT FOUND OR l.deadline <= now;
            wanted := l.base_version > 0 AND CASE base_kinds[i] WHEN 0 THEN true WHEN 1 THEN false
                ELSE base_incarnations[i] <> l.incarnation OR base_versions[i] <> l.base_version END;
            RETURN QUERY SELECT i, 0::smallint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::text, NULL::bytea,
                ARRAY[l.id, l.version, l.commit_id, l.incarnation, l.base_version, l.base_len, l.first, l.next,
                    l.entry_bytes, l.deadline - now],
                CASE WHEN NOT wanted THEN NULL WHEN l.base_len <= {inline} THEN l.base
                    ELSE (SELECT b.bytes FROM {schema}.bases b WHERE b.log = l.id) END;
            CONTINUE WHEN max_entries[i] = 0 OR l.first = l.next OR from_kinds[i] = 1 AND
                (from_incarnations[i] <> l.incarnation OR from_places[i] < l.first OR from_places[i] >= l.next);
            start := CASE from_kinds[i] WHEN 0 THEN l.first WHEN 1 THEN from_places[i]
                ELSE greatest(l.next - from_places[i], l.first) END;
            CONTINUE WHEN start >= l.next;
            stop := start + least(max_entries[i], l.next - start);
            -- What was appended since the base was set is known; without a base, that is all there is.
            IF stop - start > 1 AND NOT (l.base_version = 0 AND l.entry_bytes <= max_bytes[i]) THEN
                stop := {schema}.entries_within(l.id, start, stop, max_bytes[i]);
            END IF;
            RETURN QUERY SELECT i, 2::smallint, e.place, NULL::bigint, NULL::bigint, NULL::text, NULL::bytea,
                NULL::bigint[], e.bytes
            FROM {schema}.entries e WHERE e.log = l.id AND e.place >= start AND e.place < stop
            ORDER BY e.log, e.place;
        END IF;
    END LOOP;
END $$;

-- Where a page ends that holds at most so many bytes, but at least one entry. Looks at lengths only, at ever more of
-- them at once, so that a small page of a long log is found quickly.
CREATE OR REPLACE FUNCTION {schema}.entries_within(of_log bigint, start bigint, stop bigint, max_bytes bigint) RETURNS bigint
LANGUAGE plpgsql STABLE {plans} AS $$
DECLARE
    step bigint := 32;
    at bigint := start;
    upto bigint;
    room bigint := max_bytes;
    fits bigint;
    taken bigint;
BEGIN
    WHILE at < stop LOOP
        upto := least(at + step, stop);
        SELECT count(*), max(total) INTO fits, taken FROM (
            SELECT sum(octet_length(e.bytes)) OVER (ORDER BY e.place) AS total
            FROM {schema}.entries e WHERE e.log = of_log AND e.place >= at AND e.place < upto
        ) sums WHERE total <= room;
        IF fits < upto - at THEN
            RETURN greatest(at + fits, start + 1);
        END IF;
        room := room - taken;
        at := upto;
        step := step * 2;
    END LOOP;
    RETURN stop;
END $$;

-- The same for a queue, whose places have holes.
CREATE OR REPLACE FUNCTION {schema}.items_within(of_queue bigint, start bigint, max_entries bigint, max_bytes bigint,
    all_bytes bigint) RETURNS bigint
LANGUAGE plpgsql STABLE {plans} AS $$
DECLARE
    step bigint := 32;
    at bigint := start;
    left_over bigint := max_entries;
    room bigint := max_bytes;
    looked bigint;
    fits bigint;
    taken bigint;
    last_seen bigint;
    last_fit bigint;
BEGIN
    IF all_bytes <= max_bytes THEN
        RETURN 9223372036854775807;
    END IF;
    WHILE left_over > 0 LOOP
        SELECT count(*), max(place), count(*) FILTER (WHERE total <= room), max(total) FILTER (WHERE total <= room),
            max(place) FILTER (WHERE total <= room OR number = 1 AND at = start)
        INTO looked, last_seen, fits, taken, last_fit FROM (
            SELECT t.place, row_number() OVER (ORDER BY t.place) AS number,
                sum(octet_length(t.bytes)) OVER (ORDER BY t.place) AS total
            FROM (SELECT * FROM {schema}.items WHERE queue = of_queue AND place >= at ORDER BY queue, place
                LIMIT least(step, left_over)) t
        ) sums;
        IF fits < looked THEN
            -- Nothing of this step fits: the page ends before it.
            RETURN coalesce(last_fit + 1, at);
        END IF;
        IF looked < least(step, left_over) THEN
            EXIT;
        END IF;
        room := room - taken;
        left_over := left_over - looked;
        at := last_seen + 1;
        step := step * 2;
    END LOOP;
    RETURN 9223372036854775807;
END $$;

CREATE OR REPLACE FUNCTION {schema}.list_queues(from_shard smallint, to_shard smallint, after_shard smallint, after_name text,
    exactly text, prefix text, not_empty boolean, max_keys bigint)
RETURNS TABLE (shard smallint, name text, head bigint[])
LANGUAGE plpgsql STABLE {plans} AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT q.shard, q.name,
        ARRAY[q.id, q.version, q.commit_id, q.incarnation, q.next, q.count, q.bytes]
    FROM {schema}.queues q
    WHERE q.shard >= from_shard AND q.shard <= to_shard AND (q.shard, q.name) > (after_shard, after_name)
        AND (exactly IS NULL OR q.name = exactly) AND (prefix IS NULL OR starts_with(q.name, prefix))
        AND (NOT not_empty OR q.count > 0)
    ORDER BY q.shard, q.name LIMIT max_keys;
END $$;

-- One range of the index per shard, so that a source is found among many others.
CREATE OR REPLACE FUNCTION {schema}.list_logs(from_shard smallint, to_shard smallint, after_shard smallint,
    after_conversation text, after_name text, from_conversation text, below_conversation text, exactly text,
    prefix text, not_empty boolean, max_keys bigint)
RETURNS TABLE (shard smallint, conversation text, name text, head bigint[])
LANGUAGE plpgsql STABLE {plans} AS $$
#variable_conflict use_column
DECLARE
    now bigint := {schema}.now_us();
    left_over bigint := max_keys;
    found_now bigint;
    start_conversation text;
    start_name text;
BEGIN
    FOR of_shard IN greatest(from_shard, after_shard) .. to_shard LOOP
        start_conversation := from_conversation;
        start_name := '';
        IF of_shard = after_shard AND after_conversation >= from_conversation COLLATE "C" THEN
            start_conversation := after_conversation;
            start_name := after_name;
        END IF;
        RETURN QUERY SELECT l.shard, l.conversation, l.name,
            ARRAY[l.id, l.version, l.commit_id, l.incarnation, l.base_version, l.base_len, l.first, l.next,
                l.entry_bytes, l.deadline - now]
        FROM {schema}.logs l
        WHERE l.shard = of_shard AND (l.conversation, l.name) > (start_conversation, start_name)
            AND (below_conversation IS NULL OR l.conversation < below_conversation)
            AND (exactly IS NULL OR l.name = exactly) AND (prefix IS NULL OR starts_with(l.name, prefix))
            AND (NOT not_empty OR l.base_version > 0 OR l.first < l.next)
            AND (l.deadline IS NULL OR l.deadline > now)
        ORDER BY l.shard, l.conversation, l.name LIMIT left_over;
        GET DIAGNOSTICS found_now = ROW_COUNT;
        left_over := left_over - found_now;
        EXIT WHEN left_over <= 0;
    END LOOP;
END $$;
