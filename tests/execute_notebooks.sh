#!/bin/sh
# Runs the notebooks, or those that are named, from an empty history, and saves their outputs.
set -eu
cd "$(dirname "$0")/../notebooks"
here=$PWD
[ $# -gt 0 ] || set -- *.ipynb
for book; do
    place=$(mktemp -d) # what is drawn in this folder stays as it is
    cp "$book" lesson.zip "$place"
    (cd "$place" && WENWEN_LANG=en TZ=UTC "${PYTHON:-$here/../.venv/bin/python}" -m jupyter nbconvert --to notebook \
        --execute --inplace --ExecutePreprocessor.record_timing=False --log-level=ERROR "$book")
    mv "$place/$book" "$book"
    rm -r "$place"
done
