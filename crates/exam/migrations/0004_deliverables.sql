-- What candidates hand in, and the labs that their attempts had.

CREATE TABLE contents (
    -- BLAKE3: the same bytes are kept once.
    hash   TEXT NOT NULL PRIMARY KEY,
    size   BIGINT NOT NULL,
    bytes  BYTEA NOT NULL
);

-- Versions: each is an entry of the session's log, and never changes.
CREATE TABLE deliverables (
    attempt  TEXT NOT NULL REFERENCES attempts (id),
    task     TEXT NOT NULL,
    -- From 1 for each task.
    number   BIGINT NOT NULL,
    name     TEXT NOT NULL,
    kind     TEXT NOT NULL,
    content  TEXT NOT NULL REFERENCES contents (hash),
    saved    BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    PRIMARY KEY (attempt, task, number)
);

-- What is still being written: the next draft of a writer takes the place of the one before, until
-- one becomes a version.
CREATE TABLE drafts (
    attempt  TEXT NOT NULL REFERENCES attempts (id),
    task     TEXT NOT NULL,
    -- Where it is written, such as a tab of a browser.
    writer   TEXT NOT NULL,
    -- When the first was saved that this one took the place of.
    began    BIGINT NOT NULL,
    name     TEXT NOT NULL,
    kind     TEXT NOT NULL,
    content  TEXT NOT NULL REFERENCES contents (hash),
    saved    BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    PRIMARY KEY (attempt, task, writer)
);

CREATE INDEX deliverables_of_content ON deliverables (content);
CREATE INDEX drafts_of_content ON drafts (content);

-- Every lab that an attempt ever had: their recordings outlive them.
CREATE TABLE attempt_labs (
    attempt  TEXT NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
    lab      TEXT NOT NULL,
    PRIMARY KEY (attempt, lab)
);

INSERT INTO attempt_labs (attempt, lab) SELECT id, lab FROM attempts WHERE lab IS NOT NULL;
