#!/usr/bin/env bash
# Makes .venv with the versions of constraints.txt; quick when nothing has changed.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if ! recent_enough .venv/bin/python; then
  python=$(find_python)
  say "making .venv with $("$python" --version)"
  rm -rf .venv
  "$python" -m venv .venv
fi

hash=$(fingerprint pyproject.toml constraints.txt)
is_current .venv/.stamp "$hash" && exit 0

say "installing Python packages"
pip() { .venv/bin/python -m pip --quiet --disable-pip-version-check "$@"; }
# The build tools are pinned like the rest, so packages are built with them and not with today's newest.
retry pip install --constraint constraints.txt pip setuptools hatchling
retry pip install --constraint constraints.txt --no-build-isolation --editable '.[dev]'
echo "$hash" >.venv/.stamp
