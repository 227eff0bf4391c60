ovs-vsctl set port eth6 vlan_mode=native-untagged tag={{ vlan_offices }}
