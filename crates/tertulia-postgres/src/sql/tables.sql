-- The tables. A key's text stands once, in its head's row; everything else is keyed by numbers.
-- commit_id, incarnation and revision are the 64 bits of a commit id, read as signed.
-- Times are microseconds since 1970 by the server's clock.

-- Heads change with every commit and no index names a column that does, but for deadlines that move, so that most
-- changes stay within their page. Room for that is left by the fill factor.
CREATE TABLE {schema}.logs (
    id bigint PRIMARY KEY,
    shard smallint NOT NULL,
    conversation text COLLATE "C" NOT NULL,     -- '' for a log of the shard itself
    name text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    commit_id bigint NOT NULL,
    incarnation bigint NOT NULL,
    base_version bigint NOT NULL,
    base_len bigint NOT NULL,
    first bigint NOT NULL,
    next bigint NOT NULL,
    entry_bytes bigint NOT NULL,
    deadline bigint,
    base bytea,                                 -- at most 1024 bytes
    CONSTRAINT logs_by_key UNIQUE (shard, conversation, name)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX logs_by_deadline ON {schema}.logs (deadline) WHERE deadline IS NOT NULL;

-- Numbers of logs and queues are taken a block at a time and never given again.
CREATE SEQUENCE {schema}.ids INCREMENT BY {block};

CREATE TABLE {schema}.bases (                   -- of more than 1024 bytes
    log bigint PRIMARY KEY,
    bytes bytea NOT NULL
);

CREATE TABLE {schema}.entries (
    log bigint NOT NULL,
    place bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (log, place)
);

CREATE TABLE {schema}.dropped (                 -- logs that are gone, whose bases and entries are yet to be freed
    log bigint PRIMARY KEY
);

CREATE TABLE {schema}.queues (
    id bigint PRIMARY KEY,
    shard smallint NOT NULL,
    name text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    commit_id bigint NOT NULL,
    incarnation bigint NOT NULL,
    next bigint NOT NULL,
    count bigint NOT NULL,
    bytes bigint NOT NULL,
    CONSTRAINT queues_by_key UNIQUE (shard, name)
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE {schema}.items (                   -- entries of all queues
    queue bigint NOT NULL,
    place bigint NOT NULL,
    revision bigint NOT NULL,                   -- the commit that wrote it last
    born bigint NOT NULL,                       -- the commit that appended it
    space integer,
    id bytea,                                   -- 8 bytes of a number or 16 of another id
    bytes bytea NOT NULL,
    PRIMARY KEY (queue, place)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

CREATE TABLE {schema}.spaces (                  -- of item ids, per name of a queue; rows never change
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    CONSTRAINT spaces_by_name UNIQUE (queue, name)
);

CREATE TABLE {schema}.seen (
    space integer NOT NULL,
    id bytea NOT NULL,
    at bigint NOT NULL,
    shard smallint,                             -- null of what was appended before version 2
    PRIMARY KEY (space, id)
);
-- They come in the order of this index, so that it costs little, and the oldest are found without looking at the rest.
CREATE INDEX seen_by_age ON {schema}.seen (at);

-- What each process wrote last, changed with every transaction of its. A process whose commit was not answered reads
-- here what became of it.
CREATE TABLE {schema}.writers (
    id bigint PRIMARY KEY,
    last bigint NOT NULL,
    at bigint NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE {schema}.meta (                    -- one row, written last
    version integer NOT NULL
);

-- What is stored is packed already, or short: packing it again only costs time, and a length is known without it.
ALTER TABLE {schema}.logs ALTER COLUMN base SET STORAGE EXTERNAL;
ALTER TABLE {schema}.bases ALTER COLUMN bytes SET STORAGE EXTERNAL;
ALTER TABLE {schema}.entries ALTER COLUMN bytes SET STORAGE EXTERNAL;
ALTER TABLE {schema}.items ALTER COLUMN bytes SET STORAGE EXTERNAL;
