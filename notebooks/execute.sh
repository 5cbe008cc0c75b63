#!/bin/sh
# Runs the notebooks, or those that are named, from an empty history, and saves their outputs.
set -eu
cd "$(dirname "$0")"
here=$PWD
[ $# -gt 0 ] || set -- *.ipynb
for book; do
    place=$(mktemp -d) # pictures of this folder stay as they are
    cp "$book" lesson.zip "$place"
    (cd "$place" && WENWEN_LANG=en TZ=UTC "${PYTHON:-$here/../.venv/bin/python}" -m jupyter nbconvert --to notebook \
        --execute --inplace --ExecutePreprocessor.record_timing=False --log-level=ERROR "$book")
    mv "$place/$book" "$book"
    rm -r "$place"
done
