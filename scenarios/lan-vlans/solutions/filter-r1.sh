cat >/etc/nftables.conf <<'END'
#!/usr/sbin/nft -f
flush ruleset

define offices = 10.{{ site }}.{{ vlan_offices }}.0/24
define plant = 10.{{ site }}.{{ vlan_plant }}.0/24
define srv1 = 10.{{ site }}.{{ vlan_offices }}.{{ srv }}
define oven = 10.{{ site }}.{{ vlan_plant }}.{{ oven }}

table inet filter {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop

        iifname "eth0" oifname "eth1" ip saddr $offices ip daddr $oven tcp dport 80 accept
        iifname "eth0" oifname "eth1" ip saddr $offices ip daddr $plant icmp type echo-request accept

        iifname "eth1" oifname "eth0" ip saddr $plant ip daddr $srv1 tcp dport { 53, 80 } accept
        iifname "eth1" oifname "eth0" ip saddr $plant ip daddr $srv1 udp dport { 53, 67 } accept

        meta l4proto tcp reject with tcp reset
    }
}
END
nft --check --file /etc/nftables.conf
systemctl --quiet enable nftables
systemctl restart nftables
nft list ruleset
