# A private PostgreSQL cluster for one run: installed if missing, run by an unprivileged user, fsync on, thrown away after.
# postgres_start exports MANIFOLD_TEST_POSTGRES, the connection string of a superuser of that cluster.

PG_HOME='' PG_BIN='' PG_USER=''

pg_find() {
  PG_BIN="$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -V | tail -n 1)"
  if [ -z "$PG_BIN" ] && command -v initdb >/dev/null; then
    PG_BIN="$(dirname "$(readlink -f "$(command -v initdb)")")"
  fi
  [ -n "$PG_BIN" ] && [ -x "$PG_BIN/initdb" ] && [ -x "$PG_BIN/postgres" ]
}

pg_install() {
  if [ "$(id -u)" -ne 0 ]; then
    echo 'PostgreSQL is missing and only root can install it: install the package postgresql, then run again'
    return 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  # The package would otherwise create and start a system-wide cluster.
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] ||
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  local attempt
  for attempt in 1 2 3; do
    apt-get update -q && apt-get install -y -q --no-install-recommends postgresql && return 0
    sleep $((attempt * 5))
  done
  return 1
}

# Runs a command as the user that owns the cluster; postgres refuses to run as root.
pg_as() {
  if [ "$(id -u)" -ne 0 ]; then "$@"; else runuser -u "$PG_USER" -- "$@"; fi
}

postgres_start() {
  pg_find || { pg_install && pg_find; } || {
    echo 'no PostgreSQL: initdb and postgres were not found and could not be installed'
    return 1
  }
  PG_USER="$(id -un)"
  if [ "$(id -u)" -eq 0 ]; then
    PG_USER=postgres
    id "$PG_USER" >/dev/null 2>&1 || PG_USER=nobody
  fi
  PG_HOME="$(mktemp -d /tmp/manifold-pg.XXXXXX)" || return 1
  local password port
  password="$(node -p 'crypto.randomBytes(16).toString("hex")')"
  port="$(node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')"
  printf '%s\n' "$password" >"$PG_HOME/password"
  [ "$(id -u)" -ne 0 ] || chown -R "$PG_USER" "$PG_HOME"
  (
    cd "$PG_HOME" || exit 1
    pg_as "$PG_BIN/initdb" --pgdata="$PG_HOME/data" --username=manifold --pwfile="$PG_HOME/password" \
      --auth=scram-sha-256 --encoding=UTF8 --locale=C
    cat >>"$PG_HOME/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$PG_HOME'
max_connections = 200
fsync = on
synchronous_commit = on
CONF
    pg_as "$PG_BIN/pg_ctl" --pgdata="$PG_HOME/data" --log="$PG_HOME/log" --wait --timeout=60 start ||
      { cat "$PG_HOME/log"; exit 1; }
    PGPASSWORD="$password" "$PG_BIN/createdb" --host=127.0.0.1 --port="$port" --username=manifold manifold
  ) || return 1
  export MANIFOLD_TEST_POSTGRES="postgresql://manifold:$password@127.0.0.1:$port/manifold"
  echo "PostgreSQL $("$PG_BIN/postgres" --version | grep -o '[0-9][0-9.]*' | head -n 1) on 127.0.0.1:$port, run by $PG_USER"
}

postgres_stop() {
  [ -n "$PG_HOME" ] || return 0
  if [ -e "$PG_HOME/data/postmaster.pid" ]; then
    (cd "$PG_HOME" && pg_as "$PG_BIN/pg_ctl" --pgdata="$PG_HOME/data" --mode=immediate stop >/dev/null 2>&1)
  fi
  rm -rf "$PG_HOME"
  PG_HOME=''
}
