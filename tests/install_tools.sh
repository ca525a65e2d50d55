#!/usr/bin/env bash
# Installs the programs of tests/tools.py that are missing, from npm, PyPI and Debian, as far as this machine lets it.
# What cannot be installed is said and is no failure: the tests that need it are skipped and say so.
set -u
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT

install() { # what, command …
  local what=$1
  shift
  echo "Installing $what …"
  timeout 300 "$@" >"$log" 2>&1 && return
  echo "Could not install $what: $* ended with $?:"
  tail -5 "$log"
  return 1
}

node_modules() {
  if ! command -v npm >/dev/null; then
    echo "No npm: neither anvil nor the compiler of the contracts is installed."
  elif [ ! contracts/node_modules/.package-lock.json -nt contracts/package-lock.json ]; then
    install "anvil and the compiler of the contracts" npm ci --prefix contracts --no-audit --no-fund
  fi
}

slither() {
  if [ -n "${SLITHER:-}" ] || type -P slither >/dev/null || [ -x .venv-slither/bin/slither ]; then return; fi
  install "Slither" sh -c '
    .venv/bin/python -m venv --clear .venv-slither &&
    .venv-slither/bin/python -m pip --disable-pip-version-check install --quiet --only-binary :all: slither-analyzer==0.11.6'
}

debian() { # package, a program that it brings or stands for, …
  local package=$1
  shift
  for name in "$@"; do
    if command -v "$name" >/dev/null; then return; fi
  done
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "$package is installed by root on a Debian only: install it yourself."
    return
  fi
  install "$package" sh -c "
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $package"
}

node_modules
slither
debian chromium chromium chromium-browser google-chrome chrome
debian redis-server redis-server
debian prometheus promtool
debian systemd systemd-analyze
debian buildah buildah
debian debootstrap debootstrap
exit 0
