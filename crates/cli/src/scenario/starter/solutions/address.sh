set -e
cat >/etc/network/interfaces.d/eth0 <<'EOF'
auto eth0
iface eth0 inet static
    address 192.168.{{ octet }}.10/24
EOF
ifup eth0
