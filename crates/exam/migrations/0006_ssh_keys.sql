-- Public keys by which candidates come in over SSH.

CREATE TABLE ssh_keys (
    -- SHA-256 of the key, as clients show it. A key leads to one seat.
    fingerprint  TEXT NOT NULL PRIMARY KEY,
    seat         TEXT NOT NULL REFERENCES seats (id) ON DELETE CASCADE,
    -- The key with its comment, as in a line of `authorized_keys`.
    content      TEXT NOT NULL,
    -- Milliseconds since the epoch.
    added        BIGINT NOT NULL
);

CREATE INDEX ssh_keys_by_seat ON ssh_keys (seat);
