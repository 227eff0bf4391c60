systemctl daemon-reload
systemctl --quiet enable --now four.socket automate.socket
