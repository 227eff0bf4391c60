# What "sysctl -w" alone leaves behind.
rm /etc/sysctl.d/90-routeur.conf
