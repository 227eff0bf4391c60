-- Exam sessions: what they are, who sits in them, and the log that all of it follows from.

CREATE TABLE sessions (
    id       TEXT NOT NULL PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    state    TEXT NOT NULL,
    -- What was decided of it, as JSON.
    terms    TEXT NOT NULL,
    created  BIGINT NOT NULL
);

CREATE TABLE session_scenarios (
    session      TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    scenario     TEXT NOT NULL,
    place        BIGINT NOT NULL,
    -- BLAKE3 of the frozen folder.
    hash         TEXT NOT NULL,
    duration_ms  BIGINT NOT NULL,
    -- When this very folder was proven; absent where somebody insisted.
    proven       BIGINT,
    PRIMARY KEY (session, scenario)
);

CREATE TABLE proofs (
    -- BLAKE3 of the folder that was proven.
    hash    TEXT NOT NULL PRIMARY KEY,
    proven  BIGINT NOT NULL,
    proof   TEXT NOT NULL
);

CREATE TABLE seats (
    id           TEXT NOT NULL PRIMARY KEY,
    session      TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    number       TEXT NOT NULL,
    name         TEXT NOT NULL,
    email        TEXT,
    -- Blocks presented, as a JSON list; empty for the whole title.
    blocks       TEXT NOT NULL,
    -- In thousandths.
    factor       BIGINT NOT NULL,
    breaks_ms    BIGINT NOT NULL,
    notes        TEXT NOT NULL,
    -- How often its access code was replaced.
    generation   BIGINT NOT NULL,
    -- BLAKE3 of its access code.
    code         TEXT NOT NULL UNIQUE,
    UNIQUE (session, number)
);

CREATE TABLE attempts (
    id        TEXT NOT NULL PRIMARY KEY,
    session   TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    seat      TEXT NOT NULL REFERENCES seats (id) ON DELETE CASCADE,
    scenario  TEXT NOT NULL,
    state     TEXT NOT NULL,
    seed      TEXT NOT NULL,
    -- Its lab, while there is one.
    lab       TEXT,
    -- Why it is broken.
    problem   TEXT,
    UNIQUE (seat, scenario)
);

CREATE TABLE log (
    session  TEXT NOT NULL REFERENCES sessions (id),
    seq      BIGINT NOT NULL,
    hash     TEXT NOT NULL,
    -- The entry, as JSON.
    entry    TEXT NOT NULL,
    PRIMARY KEY (session, seq)
);

CREATE INDEX attempts_of_session ON attempts (session);

-- One row: the daemon's clock as it was last seen, and so when the daemon was last alive.
CREATE TABLE clock (
    id           BIGINT NOT NULL PRIMARY KEY,
    -- Identifies the boot of the host.
    boot         TEXT NOT NULL,
    -- Milliseconds since that boot.
    since_boot   BIGINT NOT NULL,
    -- What the clock showed, in milliseconds since the epoch.
    showed       BIGINT NOT NULL
);
