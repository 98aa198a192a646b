#!/usr/bin/env bash
# Installs the guardian of this checkout, and what it needs by hash, beside the job and not into it:
# the only thing that it puts on the PATH is `guardian`. A second call finds it done.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home=$RUNNER_TEMP/guardian
python=${GUARDIAN_PYTHON:-python3}

if ! "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "::error title=guardian::$python is not Python 3.11 or newer: run actions/setup-python before"
    exit 3
fi
if [ "$(cat "$home/from" 2>/dev/null || true)" != "$root" ]; then
    echo "::group::Install guardian"
    rm -rf "$home"
    # -I: what lies in the job's folder, e.g. a pip.py, is never imported.
    "$python" -I -m venv "$home/venv"
    pip=("$home/venv/bin/python" -I -m pip --disable-pip-version-check --no-input install --quiet)
    "${pip[@]}" --require-hashes --only-binary :all: -r "$root/requirements/runtime.txt"
    "${pip[@]}" --require-hashes --only-binary :all: -r "$root/requirements/build.txt"
    "${pip[@]}" --no-deps --no-index --no-build-isolation "$root"
    mkdir "$home/bin"
    ln -s ../venv/bin/guardian "$home/bin/guardian"
    printf '%s\n' "$root" >"$home/from"
    echo "::endgroup::"
fi
printf '%s\n' "$home/bin" >>"$GITHUB_PATH"
