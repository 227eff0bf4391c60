# File sizes are counted in KiB.
cat >/etc/security/limits.d/atelier.conf <<'EOF'
atelier hard fsize {{ quota * 1024 }}
atelier soft fsize {{ quota * 1024 }}
atelier hard nofile 256
atelier soft nofile 256
EOF
