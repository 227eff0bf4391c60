# Works until the next boot: the address is there, and nothing writes it down.
rm /etc/network/interfaces.d/eth0
