#!/bin/sh
# Fails if `go generate` changes a file. It compares before and after, not with the last commit, so that work not yet
# committed is no failure; in a clean tree this is `git diff --exit-code` with new files included.
set -eu
cd "$(dirname "$0")/.."

# fingerprint prints a checksum for every file that git tracks or would track.
fingerprint() {
	git ls-files -z --cached --others --exclude-standard | xargs -0 cksum 2>/dev/null || true # a deleted file has no line
}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fingerprint >"$dir/before"
[ -s "$dir/before" ] || { echo "generated.sh: git lists no files here" >&2; exit 1; }
"${GO:-go}" generate ./...
fingerprint >"$dir/after"
if ! diff "$dir/before" "$dir/after" >"$dir/changed"; then
	echo "go generate changed these files; run make generate and commit them:" >&2
	awk '/^[<>]/ {print "  " $4}' "$dir/changed" | sort -u >&2
	git --no-pager diff --stat >&2
	exit 1
fi
