# What dnsmasq does as long as nobody names an interface.
sed -i '/^interface=/d' /etc/dnsmasq.d/dns.conf
systemctl restart dnsmasq
