#!/usr/bin/env bash
# Installs the libraries that `npm run bench` measures against and that are no dependencies of Manifold, outside the tree.
# @node-lightning/invoice compiles an addon: a C++ compiler and Python are needed. Prints the folder to name in
# MANIFOLD_BENCH_PEERS:  MANIFOLD_BENCH_PEERS=$(scripts/bench-peers.sh) npm run bench bolt11
set -euo pipefail
readonly folder="${XDG_CACHE_HOME:-$HOME/.cache}/manifold-bench/invoice-0.28.0"
if [ ! -f "$folder/installed" ]; then
  mkdir -p "$folder"
  echo '{ "private": true }' >"$folder/package.json"
  npm install --prefix "$folder" --ignore-scripts=false --no-audit --no-fund --save-exact @node-lightning/invoice@0.28.0 >&2
  touch "$folder/installed"
fi
echo "$folder"
