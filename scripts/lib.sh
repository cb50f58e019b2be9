# What the scripts share: making sure that the tools are there. Sourced, not run.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The toolchain that Cargo.toml asks for.
RUST_VERSION=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

say() { printf '== %s\n' "$*" >&2; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "this needs root, and there is no sudo: $*"
    fi
}

# apt_install PACKAGE...: installs packages of Debian or Ubuntu, and says so.
apt_install() {
    command -v apt-get >/dev/null || fail "please install with your system's package manager, then run this again: $*"
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# need COMMAND PACKAGE: installs the package where the command is missing.
need() {
    command -v "$1" >/dev/null || apt_install "$2"
}

has_postgres() {
    [ -n "${PROVISOR_PG_BIN_DIR:-}" ] && [ -x "$PROVISOR_PG_BIN_DIR/initdb" ] && return
    local directory
    for directory in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin ${PATH//:/ }; do
        [ -x "$directory/initdb" ] && [ -x "$directory/postgres" ] && return
    done
    return 1
}

need_postgres() {
    has_postgres && return
    # Debian's package would start a database of its own on port 5432; ours is private and needs none.
    local setting=/etc/postgresql-common/createcluster.d/provisor.conf
    apt_install postgresql-common
    as_root mkdir -p "${setting%/*}"
    echo 'create_main_cluster = false' | as_root tee "$setting" >/dev/null
    apt_install postgresql
    as_root rm -f "$setting"
}

need_rust() {
    need cc build-essential
    export PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
    if ! command -v cargo >/dev/null; then
        need curl curl
        [ -e /etc/ssl/certs/ca-certificates.crt ] || apt_install ca-certificates
        say "installing Rust with rustup"
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y -q --profile minimal -c clippy -c rustfmt
    fi
    local found
    found=$(rustc --version | sed 's/^rustc \([0-9.]*\).*/\1/')
    if [ "$(printf '%s\n' "$RUST_VERSION" "$found" | sort -V | head -n 1)" != "$RUST_VERSION" ]; then
        command -v rustup >/dev/null || fail "Rust $RUST_VERSION or later is needed; this is $found"
        say "updating Rust from $found"
        rustup update stable --no-self-update
    fi
}

# Chromium, Node.js, and the packages that tests/browser names.
need_browser() {
    need node nodejs
    need npm npm
    [ -x "${PROVISOR_CHROMIUM:-/usr/bin/chromium}" ] || apt_install chromium fonts-dejavu-core
    local lock=tests/browser/package-lock.json
    if ! cmp -s "$lock" tests/browser/node_modules/installed.json; then
        say "installing the packages of $lock"
        (cd tests/browser && npm ci --silent --no-audit --no-fund)
        cp "$lock" tests/browser/node_modules/installed.json
    fi
}

# need_python_packages FOLDER REQUIREMENTS: an environment of Python with these packages.
need_python_packages() {
    local folder=$1 requirements=$2
    need python3 python3
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
    if ! cmp -s "$requirements" "$folder/installed.txt"; then
        say "installing the packages of $requirements into $folder"
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
        cp "$requirements" "$folder/installed.txt"
    fi
}

# The program on the data of the server that start_server has started.
provisor() { target/debug/provisor --data-dir "$work/data" "$@"; }

# start_server: the server that was built, on a private Postgres that ends with the script. $SERVER is its URL, $work a folder.
start_server() {
    work=$(mktemp -d)
    chmod 755 "$work"
    # These clients send as much as they can.
    RUST_LOG=warn target/debug/provisor --data-dir "$work/data" --listen 127.0.0.1:0 --rate-limit 0 >"$work/output" &
    server=$!
    trap 'kill "$server"; wait "$server" || true; rm -rf "$work"' EXIT
    for _ in $(seq 600); do
        SERVER=$(sed -n 's/^listening on //p' "$work/output")
        [ -n "$SERVER" ] && return
        kill -0 "$server" || fail "the server did not start"
        sleep 0.1
    done
    fail "the server did not start"
}
