install -d -m 700 /var/backups/intranet
install -d /srv/intranet
cat >/usr/local/sbin/sauvegarde-intranet <<'EOF'
#!/bin/sh
# Archive of the site and the configuration, one a day, kept for 30 days.
set -eu
umask 077
cd /
tar -czf "/var/backups/intranet/intranet-$(date +%F).tar.gz" srv/intranet etc
find /var/backups/intranet -name 'intranet-*.tar.gz' -mtime +30 -delete
EOF
chmod 750 /usr/local/sbin/sauvegarde-intranet
echo '{{ minute }} {{ hour }} * * * root /usr/local/sbin/sauvegarde-intranet' >/etc/cron.d/sauvegarde-intranet
/usr/local/sbin/sauvegarde-intranet
