INSERT INTO sessions (id, name, state, terms, created) VALUES ('s1', 'june', 'open', '{}', 1780000000000);
INSERT INTO session_scenarios (session, scenario, place, hash, duration_ms, proven) VALUES ('s1', 'pair', 0, 'h1', 600000, 1780000000001);
INSERT INTO session_scenarios (session, scenario, place, hash, duration_ms, proven) VALUES ('s1', 'trio', 1, 'h2', 600000, NULL);
INSERT INTO proofs (hash, proven, proof) VALUES ('h1', 1780000000001, '{}');
INSERT INTO seats (id, session, number, name, email, blocks, factor, breaks_ms, notes, generation, code) VALUES ('t1', 's1', '01', 'Zoé Bel', NULL, '[]', 1333, 0, '', 0, 'c1');
INSERT INTO attempts (id, session, seat, scenario, state, seed, lab, problem) VALUES ('a1', 's1', 't1', 'pair', 'running', '7', 'l1', NULL);
INSERT INTO log (session, seq, hash, entry) VALUES ('s1', 1, 'e1', '{}');

INSERT INTO clock (id, boot, since_boot, showed) VALUES (1, 'boot', 1000, 1764579600000);
