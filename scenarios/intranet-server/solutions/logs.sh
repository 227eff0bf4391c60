cat >/etc/logrotate.d/sechage <<'EOF'
/var/log/sechage/*.log {
    daily
    rotate {{ keep }}
    compress
    missingok
    notifempty
    create 640 root adm
}
EOF
logrotate -d /etc/logrotate.d/sechage 2>/dev/null

# Read last, so that it outranks the limit that the image came with.
cat >/etc/systemd/journald.conf.d/zz-limite.conf <<'EOF'
[Journal]
SystemMaxUse={{ journal }}M
EOF
systemctl restart systemd-journald
