#!/bin/sh
# Runs what the container is told to. Before a broker starts for whose policy there is no file yet, makes one,
# with an administrator, `admin` unless MOSQUITTO_DYNSEC_USERNAME says otherwise. Their password is
# MOSQUITTO_DYNSEC_PASSWORD, or what is in the file that MOSQUITTO_DYNSEC_PASSWORD_FILE names, or a random one,
# which is shown then and never again. Later starts look at none of these.
set -eu

say() { printf 'entrypoint: %s\n' "$*"; }
die() { say "$*" >&2; exit 1; }

# The broker's configuration file, as its arguments name it.
configuration() {
    while [ $# -gt 0 ]; do
        case $1 in
            -c | --config-file) printf '%s' "${2:-}"; return ;;
        esac
        shift
    done
}

# values OPTION FILE: what the lines with this option say.
values() {
    sed -n "s/^[[:space:]]*$1[[:space:]]\{1,\}//p" "$2" | sed 's/[[:space:]]*$//'
}

# The paths of policies that a configuration file names, itself or in the files of its `include_dir`.
policies() {
    [ -r "$1" ] || return 0
    values plugin_opt_config_file "$1"
    values include_dir "$1" | while IFS= read -r folder; do
        for file in "$folder"/*.conf; do
            [ ! -r "$file" ] || values plugin_opt_config_file "$file"
        done
    done
}

make_policy() {
    policy=$1
    admin=${MOSQUITTO_DYNSEC_USERNAME:-admin}
    file=${MOSQUITTO_DYNSEC_PASSWORD_FILE:-}
    from=
    if [ -n "$file" ]; then
        from="the file $file"
        password=$(cat "$file") || die "$from, which has the password, cannot be read"
        # As editors of other systems end a line. The plugin's plugin_opt_password_init_file has it so too.
        password=${password%"$(printf '\r')"}
    elif [ -n "${MOSQUITTO_DYNSEC_PASSWORD:-}" ]; then
        from=MOSQUITTO_DYNSEC_PASSWORD
        password=$MOSQUITTO_DYNSEC_PASSWORD
    else
        password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
    fi
    # As the broker itself has it since 2.1.
    [ "${#password}" -ge 12 ] || die "the password in $from has fewer than 12 characters"

    directory=$(dirname "$policy")
    [ -w "$directory" ] ||
        die "user $(id -u), as whom the broker runs, cannot write to $directory: give it to that user"
    # Complete before it gets its name. What the tool says is about a broker of its own; how it exits depends on
    # its version.
    new=$policy.first-run
    rm -f "$new"
    said=$(mosquitto_ctrl dynsec init "$new" "$admin" "$password" 2>&1) || true
    [ -s "$new" ] || die "mosquitto_ctrl made no policy: $said"
    sync
    # Shown before the policy is in its place: who is stopped in between gets another policy and password, not
    # a policy whose password nobody has seen.
    say "made the policy $policy. Its administrator: $admin"
    if [ -n "$from" ]; then
        say "the password: that in $from"
    else
        say "the password, which is not shown again: $password"
    fi
    mv "$new" "$policy"
}

if [ "${1:-}" = mosquitto ]; then
    policy=$(policies "$(configuration "$@")" | head -n 1)
    if [ -n "$policy" ]; then
        if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
            # Nobody else may read the policy, nor a beginning of it.
            (umask 077; make_policy "$policy")
        fi
        # The broker does not need it, unless a plugin has to make a policy that is not named where it was looked for.
        unset MOSQUITTO_DYNSEC_PASSWORD
    fi
fi
exec "$@"
