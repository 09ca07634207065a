#!/usr/bin/env bash
# What cargo runs in the place of rustc for scripts/fuzz.sh: the stable compiler takes unstable flags when it is told to,
# and is told so only where there are some. Told to cargo itself, it would reach the build scripts of what runs while
# others are built, and all that would be built anew, for make fuzz and for whatever is built after it.
set -euo pipefail

[[ " $* " != *' -Zsanitizer='* ]] || export RUSTC_BOOTSTRAP=1
exec "$@"
