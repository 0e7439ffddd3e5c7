-- Frees what nobody can see any more, a small step at a time: expired logs, what dropped logs held, ids that are no
-- longer remembered. One process at a time; rows that a writer holds are left for later.
-- Tells whether there is more to do now.
CREATE OR REPLACE FUNCTION {schema}.sweep(remembered bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE {plans} AS $$
#variable_conflict use_column
DECLARE
    now bigint := {schema}.now_us();
    gone record;
    freed bigint;
    left_over bigint := 1000;
    again boolean := false;
    forgotten bigint := now - remembered;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('{schema} swept'), {locks}) THEN
        RETURN false;
    END IF;
    FOR gone IN SELECT l.id, l.base_len, l.first, l.next FROM {schema}.logs l
        WHERE l.deadline <= now ORDER BY l.deadline LIMIT 64 FOR UPDATE SKIP LOCKED
    LOOP
        DELETE FROM {schema}.logs l WHERE l.id = gone.id;
        IF gone.base_len > {inline} OR gone.first < gone.next THEN
            INSERT INTO {schema}.dropped (log) VALUES (gone.id) ON CONFLICT DO NOTHING;
        END IF;
        again := true;
    END LOOP;
    FOR gone IN SELECT d.log FROM {schema}.dropped d ORDER BY d.log LIMIT 64 FOR UPDATE SKIP LOCKED LOOP
        EXIT WHEN left_over <= 0;
        DELETE FROM {schema}.entries e WHERE e.log = gone.log AND e.place <= (
            SELECT max(f.place) FROM (
                SELECT h.place FROM {schema}.entries h WHERE h.log = gone.log ORDER BY h.log, h.place LIMIT left_over
            ) f);
        GET DIAGNOSTICS freed = ROW_COUNT;
        IF freed < left_over THEN
            DELETE FROM {schema}.bases b WHERE b.log = gone.log;
            DELETE FROM {schema}.dropped d WHERE d.log = gone.log;
        END IF;
        left_over := left_over - greatest(freed, 16);
        again := true;
    END LOOP;
    -- Processes that wrote nothing for a month; one that does after all begins anew.
    DELETE FROM {schema}.writers w WHERE w.at < now - 2592000000000;
    -- One that is appended again meanwhile has another time, which is looked at again once its row is locked.
    DELETE FROM {schema}.seen s WHERE s.at <= forgotten AND s.ctid = ANY (ARRAY(
        SELECT o.ctid FROM {schema}.seen o WHERE o.at <= forgotten ORDER BY o.at LIMIT 2000));
    GET DIAGNOSTICS freed = ROW_COUNT;
    RETURN again OR freed = 2000;
END $$;
