#!/bin/sh
# bring.sh [PIECE]...: brings the programs that tests/packaging judges a piece with, by
# tests/packaging/tools/PIECE.sh; without a piece, those of all. What cannot be brought is said, in a line
# that names it, and the tests that need it are skipped. The exit code is always 0.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
brought=$root/.venv/packaging  # what is brought for one piece lies in a folder of its name, programs in bin/
scripts=$root/tests/packaging/tools

absent() {  # PROGRAM REASON
    echo "packaging: $piece: $1 is absent, so the tests that need it are SKIPPED: $2" >&2
}

from_debian() {  # PACKAGE...: installs them; only root can, and only where apt-get is
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
    echo "packaging: $piece: installing by apt-get: $*" >&2
    # A list that is not there, or older than the mirror, is fetched once.
    install="flock $brought/apt apt-get install -y -qq --no-install-recommends"
    DEBIAN_FRONTEND=noninteractive $install "$@" >/dev/null 2>&1 ||
        { flock "$brought/apt" apt-get update -qq >/dev/null 2>&1 &&
            DEBIAN_FRONTEND=noninteractive $install "$@" >/dev/null 2>&1; }
}

from_python() {  # REQUIREMENTS PROGRAM...: by hashes, into a virtual environment for this piece alone
    requirements=$1 && shift
    venv=$brought/$piece
    if ! [ "$venv/brought" -nt "$requirements" ]; then
        "${PYTHON:-python3}" -m venv "$venv" &&
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements" &&
            touch "$venv/brought" || return 1
    fi
    mkdir -p "$brought/bin"
    for program in "$@"; do ln -sf "$venv/bin/$program" "$brought/bin/"; done
}

if [ $# = 0 ]; then
    for script in "$scripts"/*.sh; do name=${script##*/}; set -- "$@" "${name%.sh}"; done
fi
mkdir -p "$brought"
for piece in "$@"; do  # side by side: most of it is waiting for a network
    [ ! -f "$scripts/$piece.sh" ] || (. "$scripts/$piece.sh") &
done
wait
exit 0
