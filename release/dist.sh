#!/bin/sh
# dist.sh PYTHON [FOLDER]: the sdist and the wheel of the commit that is checked out, into dist/.
# The sdist is that commit, whole; the wheel is built from the sdist. Both have the same bytes
# wherever and whenever they are built: their only time is the commit's.
set -eu
python=$1
out=${2:-dist}
cd "$(dirname "$0")/.."
if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
    echo "dist: there are changes that are not committed; they are not in it" >&2
fi
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/commit" "$work/built"
git archive HEAD | tar -x -C "$work/commit"
(cd "$work/commit" && "$python" -m hatchling build -t sdist -d "$work/built")
mkdir "$work/sdist"
tar -x -z --strip-components 1 -f "$work"/built/*.tar.gz -C "$work/sdist"
(cd "$work/sdist" && "$python" -m hatchling build -t wheel -d "$work/built")
rm -rf "$out"
mkdir -p "$out"
cp "$work"/built/* "$out/"
(cd "$out" && sha256sum ./*)
