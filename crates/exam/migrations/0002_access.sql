-- Who may use the daemon: accounts, log-ins, tokens, and what keeps guessers slow.

CREATE TABLE accounts (
    id        TEXT NOT NULL PRIMARY KEY,
    -- What is typed to log in; small letters.
    name      TEXT NOT NULL UNIQUE,
    -- What people are shown.
    shown     TEXT NOT NULL,
    role      TEXT NOT NULL,
    -- As a PHC string.
    password  TEXT NOT NULL,
    disabled  BIGINT NOT NULL,
    created   BIGINT NOT NULL
);

CREATE TABLE logins (
    id         TEXT NOT NULL PRIMARY KEY,
    -- BLAKE3 of the secret in the cookie.
    hash       TEXT NOT NULL UNIQUE,
    -- One of the two.
    account    TEXT REFERENCES accounts (id) ON DELETE CASCADE,
    seat       TEXT REFERENCES seats (id) ON DELETE CASCADE,
    created    BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    -- When it ends even if it is used.
    expires    BIGINT NOT NULL,
    -- Where it was made from.
    address    TEXT NOT NULL
);

CREATE TABLE tokens (
    id         TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    -- BLAKE3 of the token.
    hash       TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL,
    created    BIGINT NOT NULL,
    expires    BIGINT,
    last_used  BIGINT
);

-- Accounts that watch over a session.
CREATE TABLE invigilators (
    session  TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    account  TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    PRIMARY KEY (session, account)
);

-- Log-ins that failed since the last that did not.
CREATE TABLE failures (
    -- The name as it was typed, in small letters; it may be nobody's.
    name     TEXT NOT NULL,
    address  TEXT NOT NULL,
    count    BIGINT NOT NULL,
    last     BIGINT NOT NULL,
    PRIMARY KEY (name, address)
);

CREATE INDEX logins_of_account ON logins (account);
CREATE INDEX logins_of_seat ON logins (seat);
CREATE INDEX attempts_of_lab ON attempts (lab);
