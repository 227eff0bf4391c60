systemctl --quiet disable nginx
