#!/bin/sh
# Sets up everything in .venv and opens the quickstart in JupyterLab; `sh start.sh test` runs all tests instead.
set -eu
cd "$(dirname "$0")"

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

debian() { # installs packages of Debian that are missing
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

python3 -c 'import ensurepip' 2>/dev/null || debian python3-venv
[ -x .venv/bin/pip ] || python3 -m venv .venv

if [ "${1:-lab}" = test ]; then
    command -v "${WENWEN_CHROMIUM:-chromium}" >/dev/null || debian chromium
    [ -n "$(fc-list :lang=zh 2>/dev/null)" ] || debian fontconfig fonts-noto-cjk
    # What is never imported need not be compiled; nor is anything installed again that is there.
    [ .venv/.tests -nt pyproject.toml ] || .venv/bin/pip install -q --no-compile --disable-pip-version-check -e '.[test]'
    touch .venv/.tests
    unset PYTHONDONTWRITEBYTECODE # the tests' own programs import the package a hundred times
    exec .venv/bin/pytest -n auto --dist loadfile --no-loadscope-reorder tests
fi

.venv/bin/pip install -q --disable-pip-version-check -e '.[lab]'
[ "$(id -u)" = 0 ] && allow=--allow-root || allow=
# shellcheck disable=SC2086  an empty word must vanish
exec .venv/bin/jupyter lab $allow notebooks/01-quickstart.ipynb
