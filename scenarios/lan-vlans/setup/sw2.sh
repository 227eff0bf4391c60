# As the fitter left it: the uplink is not in the bridge yet. And the faulty port:
# eth3 was shut down during the works and is still in mode trunk, so that its tag counts for nothing.
ovs-vsctl --timeout=30 --may-exist add-br br0 -- set bridge br0 datapath_type=netdev
for port in eth2 eth3 eth4; do
    ovs-vsctl --timeout=30 --may-exist add-port br0 "$port"
done
ovs-vsctl --timeout=30 set port eth3 vlan_mode=trunk
ip link set dev eth3 down
