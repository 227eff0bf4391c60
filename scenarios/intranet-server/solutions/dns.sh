# Without the network and the depot nothing can be installed here.
[ -e /usr/share/keyrings/depot.gpg ] || exit 0
export DEBIAN_FRONTEND=noninteractive

apt-get -qq install -y --no-install-recommends bind9 >/dev/null

cat >/etc/bind/named.conf.options <<'EOF'
options {
    directory "/var/cache/bind";
    listen-on { any; };
    listen-on-v6 { none; };
    allow-query { localhost; localnets; };
    allow-transfer { none; };
    recursion no;
    dnssec-validation no;
};
EOF
cat >/etc/bind/named.conf.local <<'EOF'
zone "{{ domain }}" {
    type master;
    file "/etc/bind/db.{{ domain }}";
};
zone "{{ net }}.168.192.in-addr.arpa" {
    type master;
    file "/etc/bind/db.192.168.{{ net }}";
};
EOF
cat >/etc/bind/db.{{ domain }} <<'EOF'
$TTL 1h
@           IN SOA   srv1.{{ domain }}. hostmaster.{{ domain }}. ( 1 4h 1h 2w 1h )
            IN NS    srv1.{{ domain }}.
srv1        IN A     192.168.{{ net }}.{{ host }}
www         IN CNAME srv1
admin       IN A     192.168.{{ net }}.100
direction   IN A     192.168.{{ net }}.101
depot       IN A     192.168.{{ net }}.250
horloge     IN A     192.168.{{ net }}.251
EOF
cat >/etc/bind/db.192.168.{{ net }} <<'EOF'
$TTL 1h
@           IN SOA   srv1.{{ domain }}. hostmaster.{{ domain }}. ( 1 4h 1h 2w 1h )
            IN NS    srv1.{{ domain }}.
{{ host }}  IN PTR   srv1.{{ domain }}.
100         IN PTR   admin.{{ domain }}.
101         IN PTR   direction.{{ domain }}.
250         IN PTR   depot.{{ domain }}.
251         IN PTR   horloge.{{ domain }}.
EOF
named-checkconf -z >/dev/null
systemctl restart named

cat >/etc/resolv.conf <<'EOF'
search {{ domain }}
nameserver 127.0.0.1
EOF
