systemctl daemon-reload
systemctl enable --quiet --now sntp-server.service
