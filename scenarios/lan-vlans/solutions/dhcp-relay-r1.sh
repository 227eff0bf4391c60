cat >/etc/default/isc-dhcp-relay <<'END'
SERVERS="10.{{ site }}.{{ vlan_offices }}.{{ srv }}"
INTERFACES="eth0 eth1"
OPTIONS=""
END
systemctl --quiet enable isc-dhcp-relay
# It does not start as long as the interfaces have no addresses.
systemctl restart isc-dhcp-relay || systemctl --no-pager status isc-dhcp-relay || true
