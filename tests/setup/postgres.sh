#!/bin/sh
# Installs PostgreSQL for tests/warehouse where that is possible: Debian's package, as root. Anywhere
# else those tests use what they find, or skip and say why. Never fails.
for found in "$(command -v initdb)" /usr/lib/postgresql/*/bin/initdb; do
    [ -x "$found" ] && exit 0
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "PostgreSQL is not installed: its tests will skip." >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
{
    apt-get update &&
        apt-get install --yes --no-install-recommends postgresql-common &&
        # The tests start a server of their own; without this the package starts one for good.
        sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' \
            /etc/postgresql-common/createcluster.conf &&
        apt-get install --yes --no-install-recommends postgresql
} >"$log" 2>&1 || {
    tail -n 3 "$log" >&2
    echo "PostgreSQL could not be installed: its tests will skip." >&2
}
rm -f "$log"
