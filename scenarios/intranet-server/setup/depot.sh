# The supplier delivers the site as one archive.
tar -czf /srv/depot/livraisons/intranet.tar.gz --owner=0 --group=0 -C /var/tmp/intranet .
rm -r /var/tmp/intranet
