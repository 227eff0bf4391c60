# Without the network and the depot nothing can be installed here.
[ -e /usr/share/keyrings/depot.gpg ] || exit 0
export DEBIAN_FRONTEND=noninteractive

apt-get -qq install -y --no-install-recommends openssh-server >/dev/null

useradd --create-home --shell /bin/bash --groups sudo {{ login }}
usermod --password '*' {{ login }}
install -d -o {{ login }} -g {{ login }} -m 700 /home/{{ login }}/.ssh
curl --silent --show-error --fail --output /home/{{ login }}/.ssh/authorized_keys \
    http://192.168.{{ net }}.250/livraisons/technicien.pub
chown {{ login }}:{{ login }} /home/{{ login }}/.ssh/authorized_keys
chmod 600 /home/{{ login }}/.ssh/authorized_keys

echo '{{ login }} ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/{{ login }}
chmod 440 /etc/sudoers.d/{{ login }}
visudo -cq

cat >/etc/ssh/sshd_config.d/intranet.conf <<'EOF'
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowUsers {{ login }} atelier
EOF
sshd -t
systemctl restart ssh
