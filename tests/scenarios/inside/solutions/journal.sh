logger -t trial -p user.warning 'the answer is 42'
logger -t trial -p user.info 'nothing of note'
systemd-run --unit=trial --wait --quiet echo 'said by a unit'
journalctl --sync
