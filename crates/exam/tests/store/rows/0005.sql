INSERT INTO rehearsals (id, session, content) VALUES ('q1', 's1', '{}');
INSERT INTO lab_needs (hash, memory) VALUES ('h1', 268435456);
