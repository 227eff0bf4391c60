ifdown eth0 || true
ifup eth0 || true
ip -4 -brief address show dev eth0
