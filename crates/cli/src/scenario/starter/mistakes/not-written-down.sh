set -e
ip address add 192.168.{{ octet }}.10/24 dev eth0
ip link set eth0 up
