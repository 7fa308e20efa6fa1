# Rust, for building the LDK nodes of the tests. rust_install makes `cargo` a command of this shell if it is none yet:
# Debian's own, in the package that follows new releases where there is one.

readonly RUST_LEAST=1.85

rust_is_enough() {
  local found
  found="$(rustc --version 2>/dev/null)" && command -v cargo >/dev/null || return 1
  printf '%s\n%s\n' "$RUST_LEAST" "$(cut -d ' ' -f 2 <<<"$found")" | sort --check=quiet --version-sort
}

rust_fetch() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  apt-get install -y -q --no-install-recommends rustc-web cargo-web gcc libc6-dev ||
    apt-get install -y -q --no-install-recommends rustc cargo gcc libc6-dev
}

rust_install() {
  rust_is_enough || { rust_fetch && rust_is_enough; } || {
    echo "no Rust $RUST_LEAST or newer: none was found and none could be installed"
    return 1
  }
  rustc --version
}
