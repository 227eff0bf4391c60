cat >/etc/network/interfaces.d/lan <<'END'
# VLAN {{ vlan_offices }}, bureaux
auto eth0
iface eth0 inet static
    address 10.{{ site }}.{{ vlan_offices }}.1/24

# VLAN {{ vlan_plant }}, production
auto eth1
iface eth1 inet static
    address 10.{{ site }}.{{ vlan_plant }}.1/24
END
ifup eth0 eth1
# Read after the hardening file, which says 0.
echo 'net.ipv4.ip_forward = 1' >/etc/sysctl.d/90-routeur.conf
sysctl -p /etc/sysctl.d/90-routeur.conf
