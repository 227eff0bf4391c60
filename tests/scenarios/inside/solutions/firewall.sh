nft -f - <<'RULES'
flush ruleset
table inet filter {
  set admins {
    type ipv4_addr
    flags interval
    elements = { 10.9.0.0/24 }
  }
  chain services {
    log prefix "svc "
    meta l4proto tcp reject with tcp reset
  }
  chain input {
    type filter hook input priority 0; policy drop;
    ct state invalid drop
    ct state established,related counter accept
    iif lo accept comment "loopback"
    icmp type echo-request accept
    ip saddr @admins tcp dport { 22, 8080 } accept
    tcp dport 8000-8010 jump services
    ip saddr { 172.16.0.0/12, 10.1.2.3 } drop
  }
}
table ip nat {
  chain out {
    type nat hook postrouting priority srcnat;
    oifname eth0 masquerade
  }
}
RULES
