# A host that forwards hands that down to its containers; the hardening file says otherwise.
sysctl -q -w net.ipv4.ip_forward=0
