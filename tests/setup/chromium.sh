#!/bin/sh
# Installs Chromium and its driver for tests/report where that is possible: Debian's packages, as
# root. Anywhere else those tests use what they find, or skip and say why. Never fails.
command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Chromium and chromedriver are not installed: their tests will skip." >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
{
    apt-get update &&
        apt-get install --yes --no-install-recommends chromium chromium-driver fonts-dejavu-core
} >"$log" 2>&1 || {
    tail -n 3 "$log" >&2
    echo "Chromium could not be installed: its tests will skip." >&2
}
rm -f "$log"
