INSERT INTO gradings (id, attempt, hash, evidence, grade, at, actor, reason, accepted) VALUES ('r1', 'a1', 'h1', '{}', '{}', 1780000000000, 'system', NULL, 0);
INSERT INTO gradings (id, attempt, hash, evidence, grade, at, actor, reason, accepted) VALUES ('r2', 'a1', 'h2', '{}', '{}', 1780000000001, 'ada', 'mended', 1);
INSERT INTO judgements (id, attempt, juror, what, version, content, at) VALUES ('j1', 'a1', 'ada', 'override web/answers', 1, '{}', 1780000000000);
