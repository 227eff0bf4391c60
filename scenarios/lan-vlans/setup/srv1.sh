systemctl daemon-reload
systemctl --quiet enable --now intranet.socket console.socket
