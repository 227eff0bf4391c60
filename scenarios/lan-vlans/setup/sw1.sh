# As the switch came out of its box: one bridge, every port in it, no VLAN.
ovs-vsctl --timeout=30 --may-exist add-br br0 -- set bridge br0 datapath_type=netdev
for port in eth1 eth2 eth3 eth4 eth5 eth6; do
    ovs-vsctl --timeout=30 --may-exist add-port br0 "$port"
done
