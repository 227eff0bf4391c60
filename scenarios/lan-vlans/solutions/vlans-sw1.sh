offices={{ vlan_offices }}
plant={{ vlan_plant }}
for port in eth1 eth3 eth4; do
    ovs-vsctl set port "$port" tag="$offices" vlan_mode=access
done
for port in eth2 eth5; do
    ovs-vsctl set port "$port" tag="$plant" vlan_mode=access
done
ovs-vsctl set port eth6 vlan_mode=trunk trunks="$offices,$plant"
ovs-vsctl show
