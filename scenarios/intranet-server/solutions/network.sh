# A fixed address, written down before it is used.
cat >/etc/network/interfaces.d/eth0 <<'EOF'
auto eth0
iface eth0 inet static
    address 192.168.{{ net }}.{{ host }}/24
    gateway 192.168.{{ net }}.254
EOF
ifup eth0

# The depot signs its packages; fetch its key, then the list of what it has.
curl --silent --show-error --fail --retry 5 --retry-connrefused \
    --output /usr/share/keyrings/depot.gpg http://192.168.{{ net }}.250/depot.gpg
apt-get -qq update
