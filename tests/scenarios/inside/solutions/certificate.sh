cd /etc/ssl
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 90 -subj /CN=Atelier
openssl req -newkey rsa:2048 -nodes -keyout www.key -out www.csr -subj /O=Atelier/CN=www.atelier.lan
printf 'subjectAltName=DNS:www.atelier.lan\nbasicConstraints=CA:FALSE\n' > www.ext
openssl x509 -req -in www.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile www.ext -out www.pem
cat ca.pem >> www.pem
