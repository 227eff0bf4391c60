-- Rehearsals of sessions, and what labs were found to need.

CREATE TABLE rehearsals (
    id       TEXT NOT NULL PRIMARY KEY,
    session  TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    -- What came of it, as JSON.
    content  TEXT NOT NULL
);

CREATE TABLE lab_needs (
    -- BLAKE3 of the scenario's frozen folder.
    hash    TEXT NOT NULL PRIMARY KEY,
    -- Bytes of memory that one lab took at the last rehearsal.
    memory  BIGINT NOT NULL
);
