-- Ids that are no longer remembered are found by their age. Version 1 went through all of them in the order of the ids,
-- 2,000 each half minute at most, and looked at all that followed each time.
CREATE INDEX seen_by_age ON {schema}.seen (at);
DROP FUNCTION {schema}.sweep(integer, bytea, bigint);
-- Without its shard an id is of no use to a store that keeps ids by shard.
ALTER TABLE {schema}.seen ADD COLUMN shard smallint;
