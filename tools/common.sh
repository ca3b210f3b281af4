# Shared by the files of tools/; sourced by ./run with the project's root as the working directory.
# shellcheck shell=sh

deps=build-deps

say() { printf '%s\n' "$*" >&2; }
die() { say "run: $*"; exit 1; }
# For a command line that cannot be meant so; weft's exit code for it (docs/man/weft.1).
refuse() { say "run: $*"; exit 2; }

# need_writable DIR...: makes them, and says so before the long work where that fails.
need_writable() {
    for directory; do
        mkdir -p "$directory" 2>/dev/null || die "the directory $PWD/$directory cannot be made: is something else of \
that name there, and may $(id -un) write to $PWD?"
        if [ ! -w "$directory" ] || [ ! -x "$directory" ]; then
            die "the directory $PWD/$directory cannot be written to by $(id -un): remove it, or change whose it is"
        fi
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        die "installing packages needs root: run this as root, or install sudo"
    fi
}

# Packages of a group that are not installed.
missing_packages() {
    awk -v group="$1" '$1 == group { print $2 }' tools/packages | while read -r package; do
        if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
            printf '%s ' "$package"
        fi
    done
}

# Installs the groups' packages; asks the network only where one is missing.
need_packages() {
    command -v dpkg-query >/dev/null 2>&1 || die "this script installs packages on Debian; elsewhere see tools/packages"
    wanted=
    for group; do
        wanted="$wanted$(missing_packages "$group")"
    done
    [ -n "$wanted" ] || return 0
    say "installing: $wanted"
    log=$deps/apt.log
    mkdir -p "$deps"
    # shellcheck disable=SC2086
    {
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $wanted
    } >"$log" 2>&1 </dev/null || { tail -n 20 "$log" >&2; die "apt-get failed; its whole output is in $log"; }
}

need_deps() {
    need_writable "$deps"
    need_packages build "$@"
    tools/onnxruntime.sh "$deps/onnxruntime"
}

# setup_build DIR OPTIONS...: configures once, then again only where the options changed.
setup_build() {
    dir=$1
    shift
    need_writable "$dir"
    if [ ! -f "$dir/build.ninja" ] || [ "$(cat "$dir/.options" 2>/dev/null)" != "$*" ]; then
        rm -rf "$dir"
        meson setup "$dir" "-Donnxruntime=$PWD/$deps/onnxruntime" "$@" >"$deps/meson.log" 2>&1 ||
            { tail -n 30 "$deps/meson.log" >&2; die "meson failed; its whole output is in $deps/meson.log"; }
        printf '%s' "$*" >"$dir/.options"
    fi
}

# build_in DIR TARGETS...: says what is under way, and everything where it fails.
build_in() {
    dir=$1
    shift
    say "building in $dir"
    ninja -C "$dir" "$@" >"$deps/ninja.log" 2>&1 || { grep -v '^\[' "$deps/ninja.log" | tail -n 60 >&2; die "the build in $dir failed"; }
}

build_plain() {
    need_deps test
    setup_build build
    build_in build
}
