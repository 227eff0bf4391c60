sed -i '/^PasswordAuthentication/d' /etc/ssh/sshd_config.d/intranet.conf
systemctl restart ssh
