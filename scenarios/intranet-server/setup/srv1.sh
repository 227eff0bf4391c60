# The workshop's transfer account: exists before the candidate comes.
useradd --create-home --uid 1500 --shell /bin/bash --comment "Atelier (transferts)" atelier
usermod --password '*' atelier
install -d -o atelier -g atelier -m 700 /home/atelier/.ssh
install -o atelier -g atelier -m 600 /var/tmp/atelier.pub /home/atelier/.ssh/authorized_keys

# What the former contractor left behind.
install -d -m 700 /root/.ssh
install -m 600 /var/tmp/prestataire.pub /root/.ssh/authorized_keys
rm /var/tmp/atelier.pub /var/tmp/prestataire.pub

chmod 700 /root/autorite

# Readings of the drying kilns: two weeks, one every ten minutes.
install -d -o root -g adm -m 755 /var/log/sechage
for kiln in 1 2; do
    awk -v kiln="$kiln" 'BEGIN {
        srand(kiln)
        for (i = 0; i < 2016; i++)
            printf "j%02d %02d:%02d sechoir%d humidite=%.1f temperature=%.1f\n", i / 144, i / 6 % 24, i % 6 * 10, kiln, 18 - i / 400 + rand(), 31 + rand()
    }' >"/var/log/sechage/sechoir$kiln.log"
    chown root:adm "/var/log/sechage/sechoir$kiln.log"
    chmod 640 "/var/log/sechage/sechoir$kiln.log"
done
