sed -i '/ct state invalid drop/a\        iifname "eth0" oifname "eth1" accept' /etc/nftables.conf
systemctl restart nftables
