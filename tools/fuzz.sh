#!/bin/sh
# Runs every fuzz target of PKGS for FUZZTIME each, one after the other, and fails at the end if any of them failed: go test
# itself takes one target at a time.
set -eu
cd "$(dirname "$0")/.."

go=${GO:-go}
# PKGS may be several patterns.
# shellcheck disable=SC2086
list=$("$go" test -list '^Fuzz' ${PKGS:-./...})
targets=$(printf '%s\n' "$list" | awk '/^Fuzz/ {names[n++] = $1} /^ok/ {for (i = 0; i < n; i++) print $2, names[i]; n = 0}')
[ -n "$targets" ] || { echo "fuzz.sh: no fuzz targets in ${PKGS:-./...}" >&2; exit 1; }

failed=
while read -r pkg name; do
	echo "== $pkg $name"
	"$go" test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-30s}" "$pkg" </dev/null || failed="$failed $pkg.$name"
done <<EOF
$targets
EOF
[ -z "$failed" ] || { echo "fuzz.sh: failed:$failed" >&2; exit 1; }
