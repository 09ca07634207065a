#!/bin/sh
# Whether the broker answers: it is sent a CONNECT without a name or password. A refusal is an answer too.
# HEALTHCHECK_PORT is the port of a listener without encryption, 1883 unless said otherwise.
port=${HEALTHCHECK_PORT:-1883}
said=$(timeout 5 mosquitto_pub -h 127.0.0.1 -p "$port" -V mqttv311 -i healthcheck -t healthcheck -n 2>&1)
code=$?
case $code in
    # Let in; refused in a CONNACK.
    0 | 5) exit 0 ;;
    124) said='no answer within 5 seconds' ;;
esac
printf 'port %s: %s (%s)\n' "$port" "$said" "$code"
exit 1
