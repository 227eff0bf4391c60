# Serves its own clock to the network instead of the reference.
cat >/etc/chrony/chrony.conf <<'EOF'
local stratum 8
allow 192.168.{{ net }}.0/24
EOF
systemctl restart chrony
