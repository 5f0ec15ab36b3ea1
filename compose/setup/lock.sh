#!/usr/bin/env bash
# Renews constraints.txt: the newest versions that pyproject.toml allows, as one fresh environment resolves them.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$(find_python)" -m venv "$fresh"
pip() { "$fresh/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
retry pip install --upgrade pip setuptools hatchling
retry pip install --no-build-isolation --editable '.[dev]'
{
  echo "# The versions that were tested, renewed by \`make lock\`."
  pip freeze --all --exclude-editable | sort --ignore-case
} >"$fresh/constraints.txt"
mv "$fresh/constraints.txt" constraints.txt
