INSERT INTO contents (hash, size, bytes) VALUES ('c1', 2, BYTES'6869');
INSERT INTO contents (hash, size, bytes) VALUES ('c2', 3, BYTES'686f21');
INSERT INTO deliverables (attempt, task, number, name, kind, content, saved, actor) VALUES ('a1', 'report', 1, 'report.md', 'md', 'c1', 1780000000000, 'seat:01');
INSERT INTO drafts (attempt, task, writer, began, name, kind, content, saved, actor) VALUES ('a1', 'report', 'tab-1', 1780000000001, 'report.md', 'md', 'c2', 1780000000002, 'seat:01');
INSERT INTO attempt_labs (attempt, lab) VALUES ('a1', 'l0');
