# What the set-up scripts share: where the project is, how to fail clearly, how to try again.
# Sourced, never run.
# shellcheck shell=bash
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() { echo "setup: $*" >&2; }

die() {
  say "$*"
  exit 1
}

# A registry may be slow or away for a moment: try a command three times, with growing pauses.
retry() {
  local pause
  for pause in 5 20; do
    "$@" && return
    say "failed: $*; trying again in $pause s"
    sleep "$pause"
  done
  "$@" || die "failed three times: $*"
}

# fingerprint FILE…: one hash of the files' bytes, to see whether an earlier result still holds.
fingerprint() { cat "$@" | sha256sum | cut -d ' ' -f 1; }

# is_current STAMP HASH: true where the stamp file holds that hash.
is_current() { [[ -r $1 && $(<"$1") == "$2" ]]; }

# recent_enough PYTHON: true where that interpreter runs and is new enough.
recent_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-python3.11}" python3 python3.12 python3.13; do
    recent_enough "$candidate" && echo "$candidate" && return
  done
  die "Python 3.11 or newer is needed and was not found; name one by PYTHON=/path/to/python3"
}
