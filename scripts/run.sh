#!/usr/bin/env bash
# Starts a broker with the plugin to try it out: on a free port of 127.0.0.1, in the foreground, with everything
# it keeps in ./run. Needs what dependencies.sh installs.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:/usr/sbin

dir=$PWD/run
policy=$dir/dynamic-security.json
config=$dir/mosquitto.conf

say() { printf '%s\n' "$*"; }

free_port() {
    local port
    for ((port = 18830; port < 18930; port++)); do
        # Bash connects; nobody answers on a free port.
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s' "$port"
            return
        fi
    done
    say 'No port from 18830 to 18929 is free on 127.0.0.1.' >&2
    return 1
}

cargo build --release --locked --package mosquitto-dynsec
target=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
plugin=$target/release/libmosquitto_dynsec.so

[[ -d $dir ]] || mkdir -m 700 "$dir"
if [[ -e $policy ]]; then
    password=PASSWORD
    account="The policy of an earlier run is kept. The password of its admin was shown when it was made;
where it is lost, \`rm -r run\` makes the next run start afresh."
else
    password=$(od -An -N10 -tx1 /dev/urandom | tr -d ' \n')
    # What it says is about a broker of its own; how it exits depends on its version.
    (umask 077 && mosquitto_ctrl dynsec init "$policy" admin "$password" >/dev/null) || true
    [[ -s $policy ]] || { say "mosquitto_ctrl could not make $policy" >&2; exit 1; }
    account="A new policy was made. Its admin has this password, which is not shown again:

    $password"
fi

port=$(free_port)
cat >"$config" <<CONF
# Written by each \`make run\`. For your own broker start from mosquitto.conf.example.
listener $port 127.0.0.1
allow_anonymous false
log_dest stdout
log_timestamp_format %Y-%m-%dT%H:%M:%S

plugin $plugin
plugin_opt_config_file $policy
CONF

if ((EUID == 0)); then
    # Started by root, a broker becomes the user mosquitto before it reads plugin and policy.
    if chown -R mosquitto: "$dir" && runuser -u mosquitto -- test -r "$plugin" -a -w "$policy"; then
        say 'The broker runs as the user mosquitto, to whom ./run now belongs.'
    else
        say 'The broker runs as root: the user mosquitto cannot reach this directory.'
        chown -R root: "$dir"
        printf '\nuser root\n' >>"$config"
    fi
fi

to="-h 127.0.0.1 -p $port"
ctrl="mosquitto_ctrl $to -u admin -P $password dynsec"
cat <<TEXT

$account

The policy: $policy
The broker: 127.0.0.1:$port. Ctrl-C ends it.

To try first, in another terminal: a client \`ann\` who may use the topics under \`demo\`.

    $ctrl createRole demo
    $ctrl addRoleACL demo publishClientSend 'demo/#' allow
    $ctrl addRoleACL demo subscribePattern 'demo/#' allow
    $ctrl createClient ann -p secret
    $ctrl addClientRole ann demo
    $ctrl getClient ann

She hears what she says there; what she says elsewhere is refused.

    mosquitto_sub $to -u ann -P secret -t 'demo/#' -v &
    mosquitto_pub $to -u ann -P secret -t demo/hello -m 'it works'
    mosquitto_pub $to -u ann -P secret -t other/topic -m 'nobody hears this'

TEXT

exec mosquitto -c "$config"
