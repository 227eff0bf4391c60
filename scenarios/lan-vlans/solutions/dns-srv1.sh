cat >/etc/dnsmasq.d/dns.conf <<'END'
# As long as no interface is named, dnsmasq answers its own subnet alone.
interface=eth0
# The domain is ours: nobody else is asked, and the server's own hosts file does not count.
domain={{ domain }}
local=/{{ domain }}/
no-resolv
no-hosts
domain-needed
bogus-priv
host-record=intranet.{{ domain }},10.{{ site }}.{{ vlan_offices }}.{{ srv }}
host-record=four.{{ domain }},10.{{ site }}.{{ vlan_plant }}.{{ oven }}
host-record=planning.{{ domain }},10.{{ site }}.{{ vlan_offices }}.{{ reserved }}
END
dnsmasq --test
systemctl --quiet enable dnsmasq
systemctl restart dnsmasq || { journalctl --no-pager -n 20 -u dnsmasq; exit 1; }
