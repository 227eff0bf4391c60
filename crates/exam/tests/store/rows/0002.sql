INSERT INTO accounts (id, name, shown, role, password, disabled, created) VALUES ('u1', 'ada', 'Ada Bel', 'invigilator', '$argon2id$…', 0, 1780000000000);
INSERT INTO logins (id, hash, account, seat, created, last_seen, expires, address) VALUES ('g1', 'h1', 'u1', NULL, 1780000000000, 1780000000001, 1780000000002, '192.0.2.7');
INSERT INTO logins (id, hash, account, seat, created, last_seen, expires, address) VALUES ('g2', 'h2', NULL, 't1', 1780000000000, 1780000000001, 1780000000002, '192.0.2.8');
INSERT INTO tokens (id, name, hash, role, created, expires, last_used) VALUES ('k1', 'nightly', 'h3', 'trainer', 1780000000000, NULL, NULL);
INSERT INTO invigilators (session, account) VALUES ('s1', 'u1');
INSERT INTO failures (name, address, count, last) VALUES ('ada', '192.0.2.7', 3, 1780000000000);
