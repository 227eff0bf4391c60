cat > /etc/systemd/system/trial-port.socket <<'UNIT'
[Socket]
ListenStream=8080
# Longer than an attempt waits: a quick boot must not hide that it was gone.
ExecStartPre=/bin/sleep 3
Accept=yes
[Install]
WantedBy=sockets.target
UNIT
cat > /etc/systemd/system/trial-port@.service <<'UNIT'
[Service]
ExecStart=/bin/cat
StandardInput=socket
UNIT
systemctl daemon-reload
systemctl enable --now trial-port.socket
