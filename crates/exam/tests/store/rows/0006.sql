INSERT INTO ssh_keys (fingerprint, seat, content, added) VALUES ('SHA256:abc', 't1', 'ssh-ed25519 AAAA ada', 5);
