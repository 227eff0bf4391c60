-- What gradings saw and what jurors said: nothing of it is ever changed but which grading counts.

CREATE TABLE gradings (
    id        TEXT NOT NULL PRIMARY KEY,
    attempt   TEXT NOT NULL REFERENCES attempts (id),
    -- BLAKE3 of the frozen folder that the grade follows from.
    hash      TEXT NOT NULL,
    -- Both as JSON.
    evidence  TEXT NOT NULL,
    grade     TEXT NOT NULL,
    at        BIGINT NOT NULL,
    actor     TEXT NOT NULL,
    reason    TEXT,
    -- 1 for the one that counts.
    accepted  BIGINT NOT NULL
);

CREATE UNIQUE INDEX accepted_grading ON gradings (attempt) WHERE accepted = 1;
CREATE INDEX gradings_of_attempt ON gradings (attempt);

CREATE TABLE judgements (
    id       TEXT NOT NULL PRIMARY KEY,
    attempt  TEXT NOT NULL REFERENCES attempts (id),
    juror    TEXT NOT NULL,
    -- Such as `override web/answers`.
    what     TEXT NOT NULL,
    -- From 1 for each `what` of an attempt.
    version  BIGINT NOT NULL,
    -- As JSON; the log has its BLAKE3.
    content  TEXT NOT NULL,
    at       BIGINT NOT NULL,
    UNIQUE (attempt, what, version)
);
