systemctl --quiet disable nftables
