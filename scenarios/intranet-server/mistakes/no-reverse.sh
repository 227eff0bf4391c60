rm /etc/bind/db.192.168.{{ net }}
cat >/etc/bind/named.conf.local <<'EOF'
zone "{{ domain }}" {
    type master;
    file "/etc/bind/db.{{ domain }}";
};
EOF
systemctl restart named
