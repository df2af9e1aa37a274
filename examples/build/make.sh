#!/bin/sh
# Makes pages of texts whose first lines are titles: make.sh FROM TO VERSION
set -eu
mkdir -p "$2"
for text in "$1"/*.txt; do
    page=$2/$(basename "$text" .txt).html
    {
        echo "<title>$(head -n 1 "$text")</title>"
        tail -n +2 "$text"
        echo "<footer>version $3</footer>"
    } >"$page"
done
