#!/bin/bash
# Everything that the questions speak to, on one machine.
set -euo pipefail

useradd --create-home --shell /bin/bash alice
echo 'alice:{{ secret }}' | chpasswd
install -d -o alice -g alice /home/alice/depot
echo 'Bienvenue' >/home/alice/notice.txt
touch /home/alice/depot/{b,a}.txt

cat >/etc/vsftpd.conf <<'CONF'
listen=YES
listen_ipv6=NO
local_enable=YES
write_enable=YES
anonymous_enable=YES
ssl_enable=YES
force_local_logins_ssl=NO
force_local_data_ssl=NO
rsa_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem
rsa_private_key_file=/etc/ssl/private/ssl-cert-snakeoil.key
secure_chroot_dir=/var/run/vsftpd/empty
pam_service_name=vsftpd
CONF
(cat /etc/vsftpd.conf; printf 'listen_port=990\nimplicit_ssl=YES\n') >/etc/vsftpd-implicit.conf
cat >/etc/systemd/system/vsftpd-implicit.service <<'UNIT'
[Service]
ExecStartPre=/bin/mkdir -p /var/run/vsftpd/empty
ExecStart=/usr/sbin/vsftpd /etc/vsftpd-implicit.conf
UNIT

echo 'default boot' >/srv/tftp/boot.cfg
head -c 100000 /dev/zero | tr '\0' x >/srv/tftp/kernel

cat >/etc/chrony/chrony.conf <<'CONF'
local stratum 8
allow all
CONF
# It serves its time and sets no clock, which no node can.
mkdir -p /etc/systemd/system/chrony.service.d
printf '[Unit]\nConditionCapability=\n' >/etc/systemd/system/chrony.service.d/here.conf

cat >/etc/snmp/snmpd.conf <<'CONF'
agentaddress udp:161
sysName srv
sysLocation salle 12
rocommunity {{ community }}
rouser eva authpriv
CONF
echo 'createUser eva SHA {{ secret }} AES {{ secret }}' >/var/lib/snmp/snmpd.conf

cat >/etc/dnsmasq.conf <<'CONF'
port=0
log-dhcp
dhcp-authoritative
domain=atelier.lan
dhcp-range=10.20.0.100,10.20.0.199,255.255.255.0,1h
dhcp-range=10.21.0.100,10.21.0.199,255.255.255.0,1h
dhcp-option=option:dns-server,10.20.0.1,10.20.0.2
dhcp-option=option:ntp-server,10.20.0.1
dhcp-host=id:phone,10.21.0.77
CONF

cat >/etc/kamailio/kamailio.cfg <<'CONF'
#!KAMAILIO
children=2
listen=udp:10.20.0.1:5060
listen=tcp:10.20.0.1:5060
server_header="Server: atelier"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "ctl.so"
modparam("usrloc", "db_mode", 0)
request_route {
  if ($rm == "OPTIONS") {
    sl_send_reply("200", "Here");
    exit;
  }
  if ($rm == "REGISTER") {
    if ($au != "101" || !pv_www_authenticate("$td", "{{ secret }}", "0")) {
      www_challenge("$td", "1");
      exit;
    }
    save("location");
    exit;
  }
  sl_send_reply("405", "Not here");
}
CONF

cat >/etc/rsyslog.d/remote.conf <<'CONF'
module(load="imudp")
module(load="imtcp")
template(name="by-host" type="string" string="/var/log/remote/%HOSTNAME%.log")
ruleset(name="remote") { action(type="omfile" dynaFile="by-host") }
input(type="imudp" port="514" ruleset="remote")
input(type="imtcp" port="514" ruleset="remote")
CONF

systemctl daemon-reload
systemctl enable --quiet rsyslog
systemctl start vsftpd vsftpd-implicit tftpd-hpa chrony snmpd dnsmasq kamailio rsyslog
