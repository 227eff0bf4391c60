systemctl --quiet disable isc-dhcp-relay
