-- The ids that are remembered: written, and given page by page.

CREATE OR REPLACE FUNCTION {schema}.see(spaces int[], ids bytea[], shards smallint[], ats bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE {plans} AS $$
BEGIN
    INSERT INTO {schema}.seen AS s (space, id, shard, at) SELECT * FROM unnest(spaces, ids, shards, ats)
    ON CONFLICT (space, id) DO UPDATE SET shard = excluded.shard, at = excluded.at;
END $$;

-- As programs of version 1 call it. Ids without a shard count, and are not given.
CREATE OR REPLACE FUNCTION {schema}.see(spaces int[], ids bytea[], now bigint) RETURNS void
LANGUAGE plpgsql VOLATILE {plans} AS $$
BEGIN
    INSERT INTO {schema}.seen AS s (space, id, at) SELECT k.space, k.id, now FROM unnest(spaces, ids) AS k (space, id)
    ON CONFLICT (space, id) DO UPDATE SET at = excluded.at;
END $$;

-- The next rows behind a place, also those that count no more. `remembered` is how long an id counts.
CREATE OR REPLACE FUNCTION {schema}.list_seen(after_space int, after_id bytea, max_ids bigint, remembered bigint)
RETURNS TABLE (space int, queue text, name text, id bytea, shard smallint, time_left bigint)
LANGUAGE plpgsql STABLE {plans} AS $$
#variable_conflict use_column
DECLARE
    now bigint := {schema}.now_us();
BEGIN
    RETURN QUERY SELECT k.space, n.queue, n.name, k.id, k.shard, k.at + remembered - now
    FROM (
        SELECT s.space, s.id, s.shard, s.at FROM {schema}.seen s WHERE (s.space, s.id) > (after_space, after_id)
        ORDER BY s.space, s.id LIMIT max_ids
    ) k
    CROSS JOIN LATERAL (
        SELECT h.queue, h.name FROM {schema}.spaces h WHERE h.id = k.space LIMIT 1
    ) n
    ORDER BY k.space, k.id;
END $$;
