cat >/etc/dnsmasq.d/dhcp.conf <<'END'
dhcp-authoritative
dhcp-range=set:offices,10.{{ site }}.{{ vlan_offices }}.100,10.{{ site }}.{{ vlan_offices }}.149,255.255.255.0,12h
dhcp-range=set:plant,10.{{ site }}.{{ vlan_plant }}.100,10.{{ site }}.{{ vlan_plant }}.149,255.255.255.0,12h
dhcp-option=tag:offices,option:router,10.{{ site }}.{{ vlan_offices }}.1
dhcp-option=tag:plant,option:router,10.{{ site }}.{{ vlan_plant }}.1
dhcp-option=option:dns-server,10.{{ site }}.{{ vlan_offices }}.{{ srv }}
dhcp-option=option:domain-name,{{ domain }}
END
dnsmasq --test
systemctl --quiet enable dnsmasq
systemctl restart dnsmasq || { journalctl --no-pager -n 20 -u dnsmasq; exit 1; }
