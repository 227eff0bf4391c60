cd /root/autorite
sed -i 's/^subjectAltName.*/subjectAltName = DNS:srv1.{{ domain }}/' intranet.ext
openssl x509 -req -in intranet.csr -CA ca.crt -CAkey ca.key -CAcreateserial \
    -days 365 -sha256 -extfile intranet.ext -out /etc/ssl/certs/intranet.crt 2>/dev/null
systemctl restart nginx
