# Further Node lines, each a plain binary from the npm package node-<platform>-<arch>, kept in a cache outside the tree.
# node_lines_install sets LTS_BIN (folder of the LTS line's node) and NODE_BINARIES (every further node to try).

readonly LTS_VERSION=24.21.0
readonly FURTHER_VERSIONS=("$LTS_VERSION")

LTS_BIN='' NODE_BINARIES=()

node_line_install() {
  local version="$1" home="$CACHE/node-$1" package
  package="node-$(node -p 'process.platform')-$(node -p 'process.arch')"
  local binary="$home/node_modules/$package/bin/node"
  if [ "$("$binary" --version 2>/dev/null)" != "v$version" ]; then
    rm -rf "$home" && mkdir -p "$home" || return 1
    echo '{"private":true}' >"$home/package.json"
    npm install --prefix "$home" --ignore-scripts --no-save "$package@$version" || return 1
  fi
  [ "$("$binary" --version)" = "v$version" ] || { echo "$binary is not Node $version"; return 1; }
  NODE_BINARIES+=("$binary")
  [ "$version" != "$LTS_VERSION" ] || LTS_BIN="$(dirname "$binary")"
  echo "Node $version: $binary"
}

node_lines_install() {
  local version
  for version in "${FURTHER_VERSIONS[@]}"; do node_line_install "$version" || return 1; done
}
