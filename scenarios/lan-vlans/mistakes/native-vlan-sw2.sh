ovs-vsctl set port eth1 vlan_mode=native-untagged tag={{ vlan_offices }}
