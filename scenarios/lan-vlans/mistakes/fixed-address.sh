ifdown eth0
cat >/etc/network/interfaces.d/eth0 <<'END'
auto eth0
iface eth0 inet static
    address 10.{{ site }}.{{ vlan_offices }}.{{ reserved }}/24
    gateway 10.{{ site }}.{{ vlan_offices }}.1
END
ifup eth0
