chown -R technicien:technicien /home/technicien/.ssh
chmod 700 /home/technicien/.ssh
update-ca-certificates >/dev/null
