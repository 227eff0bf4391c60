sed -i '/ hard fsize /d' /etc/security/limits.d/atelier.conf
