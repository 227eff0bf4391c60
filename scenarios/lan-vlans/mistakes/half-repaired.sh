sed -i '/^iface eth3 /,/^$/s/ down$/ up/' /etc/network/interfaces.d/ports
ip link set dev eth3 up
