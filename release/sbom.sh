#!/bin/sh
# sbom.sh PYTHON CYCLONEDX OUT: the bill of materials (CycloneDX, JSON) of the environment of PYTHON, into which
# guardian is installed: each package with its version, licence and what it needs. CYCLONEDX is cyclonedx-py.
set -eu
python=$1
cyclonedx=$2
out=$3
cd "$(dirname "$0")/.."
version=$("$python" -I -c 'from importlib.metadata import version; print(version("rollout-guardian"))')
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
project=$(mktemp)
trap 'rm -f "$project"' EXIT
sed "s/^dynamic = \[\"version\"\]/version = \"$version\"/" pyproject.toml >"$project"
"$cyclonedx" environment "$python" --pyproject "$project" --mc-type application \
    --output-reproducible --spec-version 1.6 --output-format JSON --output-file "$out"
