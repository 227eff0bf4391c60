cat >/etc/network/interfaces.d/eth0 <<'END'
auto eth0
iface eth0 inet dhcp
END
ifup eth0 || true
ip -4 -brief address show dev eth0
