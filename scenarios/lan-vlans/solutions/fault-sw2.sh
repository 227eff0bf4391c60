# Two causes. Down, now and at boot:
sed -i '/^iface eth3 /,/^$/s/ down$/ up/' /etc/network/interfaces.d/ports
ip link set dev eth3 up
# In mode trunk, where the tag of the access VLAN is ignored:
ovs-vsctl set port eth3 vlan_mode=access
ovs-vsctl list port eth3
