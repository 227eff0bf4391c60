# The hardware address of pc2, as a lease shows it: expiry, hardware address, address, host name.
mac=$(awk '$4 == "pc2" {print $2}' /var/lib/misc/dnsmasq.leases)
if [ -z "$mac" ]; then
    echo "pc2 has not asked for an address yet"
    exit 0
fi
echo "dhcp-host=$mac,planning,10.{{ site }}.{{ vlan_offices }}.{{ reserved }}" >/etc/dnsmasq.d/reservations.conf
dnsmasq --test
systemctl restart dnsmasq || { journalctl --no-pager -n 20 -u dnsmasq; exit 1; }
