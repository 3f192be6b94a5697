#!/bin/sh
# The storage initializer of KServe, and then verification: `storage-initializer SOURCE TARGET` as KServe calls it.
#
# The model is fetched into a folder beside the target, verified and scanned there, and moved into place only then: a
# server that looks early finds nothing. Exit codes as `verify-model`.
set -eu

if [ $# -ne 2 ]; then echo "usage: storage-initializer SOURCE TARGET" >&2; exit 2; fi
SOURCE=$1
TARGET=$2
FETCH=${FETCH:-/storage-initializer/scripts/initializer-entrypoint}   # KServe's own
STAGE=$TARGET/.unverified

trap 'rm -rf "$STAGE"' EXIT
rm -rf "$STAGE"
mkdir -p "$STAGE"
$FETCH "$SOURCE" "$STAGE"

MODEL=$STAGE verify-model

find "$STAGE" -mindepth 1 -maxdepth 1 -exec mv {} "$TARGET"/ \;
