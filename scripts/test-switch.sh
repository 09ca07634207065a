#!/usr/bin/env bash
# Switches a Debian system's broker from the C plugin to ours and back, as docs/brokers.md tells its users to, in
# a copy of a root folder that scripts/chroots.sh made, with the configuration that Debian's package brings. There
# is no systemd in it: the broker is started as its unit does. Needs root.
#
# usage: scripts/test-switch.sh ROOT PLUGIN
set -euo pipefail

root=$1
plugin=$2

passed=0
failed=0
check() {
    local what=$1 expected=$2 got=$3
    if [[ $got == "$expected" ]]; then
        printf 'test %s ... ok\n' "$what"
        passed=$((passed + 1))
    else
        printf 'test %s ... FAILED\n%q, not %q\n' "$what" "$got" "$expected"
        failed=$((failed + 1))
    fi
}

copy=$(mktemp -d)
broker=
clean_up() {
    if [[ -n $broker ]]; then kill -KILL "$broker" 2>/dev/null || true; fi
    rm -rf --one-file-system "$copy"
}
trap clean_up EXIT
cp --archive "$root/." "$copy"

policy=/var/lib/mosquitto/dynamic-security.json
theirs=$(cd "$root" && printf '/%s' usr/lib/*-linux-gnu/mosquitto_dynamic_security.so)
ours=/usr/local/lib/libmosquitto_dynsec.so
configuration=$copy/etc/mosquitto/conf.d/dynsec.conf
unit=$copy/lib/systemd/system/mosquitto.service
log=$copy/var/log/mosquitto/mosquitto.log

# A port nobody listens on: bash connects, and is refused.
port=$((20000 + RANDOM % 10000))
while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done

inside() { chroot "$copy" "$@"; }
ctrl() {
    inside mosquitto_ctrl -h 127.0.0.1 -p "$port" -u admin -P admin-password dynsec "$@" 2>/dev/null | tr '\n' ' '
}
lets_in() {
    inside mosquitto_pub -h 127.0.0.1 -p "$port" -V 5 -u "$1" -P "$2" -t t -n >/dev/null 2>&1 && echo yes || echo no
}
# 2.1's unit starts the broker as mosquitto, the earlier ones as root.
as=()
if grep --quiet '^User=mosquitto' "$unit"; then as=(--userspec=mosquitto:mosquitto); fi
start() {
    chroot "${as[@]}" "$copy" /usr/sbin/mosquitto -c /etc/mosquitto/mosquitto.conf >/dev/null 2>&1 &
    broker=$!
    for _ in {1..100}; do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
        sleep 0.1
    done
    printf 'the broker does not listen:\n%s\n' "$(tail -n 20 "$log")"
}
stop() {
    local code=0
    kill "$broker"
    wait "$broker" || code=$?
    broker=
    check "$1: the broker ends in order" 0 "$code"
}

# What a user of the C plugin has.
cat >"$configuration" <<CONF
listener $port 127.0.0.1
allow_anonymous false
plugin $theirs
plugin_opt_config_file $policy
CONF
install --directory "$copy/var/log/mosquitto" "$copy/run/mosquitto"
inside chown mosquitto /var/log/mosquitto /run/mosquitto
# Its exit code depends on its version.
inside mosquitto_ctrl dynsec init "$policy" admin admin-password >/dev/null 2>&1 || true
inside chown mosquitto: "$policy"
start
ctrl createClient ann -p secret >/dev/null
check 'before: clients' 'admin ann ' "$(ctrl listClients)"
check 'before: ann logs in' yes "$(lets_in ann secret)"
stop before
cp --preserve "$copy$policy" "$copy/root/"

# There.
install -m 644 "$plugin" "$copy$ours"
sed --in-place "s|^plugin .*|plugin $ours|" "$configuration"
start
check 'ours: loaded' 1 "$(grep --count "dynsec: .* loaded $policy: 2 clients" "$log")"
check 'ours: clients' 'admin ann ' "$(ctrl listClients)"
check 'ours: ann logs in' yes "$(lets_in ann secret)"
check 'ours: not with another password' no "$(lets_in ann wrong)"
ctrl createClient bob -p secret-2 >/dev/null
# What Debian's logrotate does.
kill -HUP "$broker"
check 'ours: clients after SIGHUP' 'admin ann bob ' "$(ctrl listClients)"
check 'ours: bob logs in' yes "$(lets_in bob secret-2)"
stop ours

# And back.
sed --in-place "s|^plugin .*|plugin $theirs|" "$configuration"
start
check 'back: clients' 'admin ann bob ' "$(ctrl listClients)"
check 'back: ann logs in' yes "$(lets_in ann secret)"
check 'back: bob logs in' yes "$(lets_in bob secret-2)"
check 'back: not with another password' no "$(lets_in bob wrong)"
stop back

# The policy as it was.
cp --preserve "$copy/root/${policy##*/}" "$copy$policy"
start
check 'restored: clients' 'admin ann ' "$(ctrl listClients)"
check 'restored: ann logs in' yes "$(lets_in ann secret)"
stop restored

# A broker that does not start: README.md says where the reason is.
sed --in-place "s|^plugin .*|plugin $ours|" "$configuration"
printf '{"clients": [' >"$copy$policy"
code=0
timeout 20 chroot "${as[@]}" "$copy" /usr/sbin/mosquitto -c /etc/mosquitto/mosquitto.conf >/dev/null 2>&1 || code=$?
check 'broken: the broker does not start' yes "$( ((code > 0 && code < 124)) && echo yes || echo "$code")"
way=$(sed -n 's/^    sudo \(tail .*\.log\)$/\1/p' "$(dirname "${BASH_SOURCE[0]}")/../README.md")
check 'broken: the reason is where README.md says' 1 "$(inside bash -c "$way" | grep --count 'dynsec: .*line 1 column')"

result=ok
((failed == 0)) || result=FAILED
printf '\ntest result: %s. %s passed; %s failed; \n' "$result" "$passed" "$failed"
((failed == 0))
