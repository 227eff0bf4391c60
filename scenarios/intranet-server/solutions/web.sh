# Without the network and the depot nothing can be installed here.
[ -e /usr/share/keyrings/depot.gpg ] || exit 0
export DEBIAN_FRONTEND=noninteractive

apt-get -qq install -y --no-install-recommends nginx >/dev/null

# The site as delivered.
install -d /srv/intranet
curl --silent --show-error --fail http://192.168.{{ net }}.250/livraisons/intranet.tar.gz | tar -xz -C /srv/intranet

# Key and request, signed by the firm's authority for a year.
cd /root/autorite
umask 077
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout intranet.key \
    -subj "/C=FR/O=Tonnellerie Vasseur/CN=www.{{ domain }}" -out intranet.csr 2>/dev/null
cat >intranet.ext <<'EOF'
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:www.{{ domain }}, DNS:srv1.{{ domain }}
EOF
openssl x509 -req -in intranet.csr -CA ca.crt -CAkey ca.key -CAcreateserial \
    -days 365 -sha256 -extfile intranet.ext -out intranet.crt 2>/dev/null
install -m 640 -o root -g root intranet.key /etc/ssl/private/intranet.key
install -m 644 intranet.crt /etc/ssl/certs/intranet.crt
umask 022

cat >/etc/nginx/sites-available/intranet <<'EOF'
server {
    listen 80;
    server_name www.{{ domain }};
    return 301 https://www.{{ domain }}$request_uri;
}
server {
    listen 443 ssl;
    server_name www.{{ domain }} srv1.{{ domain }};
    root /srv/intranet;
    ssl_certificate /etc/ssl/certs/intranet.crt;
    ssl_certificate_key /etc/ssl/private/intranet.key;
    ssl_protocols TLSv1.2 TLSv1.3;
}
EOF
ln -sf ../sites-available/intranet /etc/nginx/sites-enabled/intranet
rm -f /etc/nginx/sites-enabled/default
nginx -t -q
systemctl restart nginx
