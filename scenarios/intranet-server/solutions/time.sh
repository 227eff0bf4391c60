# Without the network and the depot nothing can be installed here.
[ -e /usr/share/keyrings/depot.gpg ] || exit 0
export DEBIAN_FRONTEND=noninteractive

apt-get -qq install -y --no-install-recommends chrony >/dev/null

cat >/etc/chrony/chrony.conf <<'EOF'
server 192.168.{{ net }}.251 iburst
allow 192.168.{{ net }}.0/24
driftfile /var/lib/chrony/chrony.drift
EOF
# The machine's clock is not ours to set: serve time without steering it.
echo 'DAEMON_OPTS="-x -F 1"' >/etc/default/chrony
systemctl restart chrony
chronyc waitsync 30 0 0 0.5 >/dev/null
