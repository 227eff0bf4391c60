offices={{ vlan_offices }}
plant={{ vlan_plant }}
ovs-vsctl --may-exist add-port br0 eth1 -- set port eth1 vlan_mode=trunk trunks="$offices,$plant"
ovs-vsctl set port eth2 tag="$plant"
# The mode of eth3 is the business of the repair.
ovs-vsctl set port eth3 tag="$offices"
ovs-vsctl set port eth4 tag="$offices"
ovs-vsctl show
