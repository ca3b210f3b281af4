# ./run release: what one installs. Optimised at link time and by a profile: the program is built to count what it runs,
# runs what nodes do most (tools/train), and is built again so that this lies close together. A node runs little code a
# message, but from cold caches; so the profile is worth more than any option (docs/bench.md).
# shellcheck shell=sh disable=SC2154

# What the profile belongs to.
release_inputs() {
    # shellcheck disable=SC2086  # "ccache gcc" is two words
    ${CC:-cc} --version 2>/dev/null | head -n 1
    printf '%s\n' "${CFLAGS:-}" "${CXXFLAGS:-}" "${LDFLAGS:-}"
    find meson.build meson_options.txt include plugins proto src tests/bench tools/train tools/release.sh -type f |
        LC_ALL=C sort | xargs cksum
}

refuse_clang() {
    # shellcheck disable=SC2086
    if $2 -dM -E - </dev/null 2>/dev/null | grep -q __clang__; then
        die "release needs GCC, whose profiles it uses, but $1 is clang: unset $1"
    fi
}

# The instrumented program must not be taken for the release, whatever ends us.
train_release() {
    trap 'rm -rf "$dir"' EXIT
    trap 'exit 130' HUP INT TERM
    need_writable "$dir"
    rm -rf "$dir"
    # Several threads count at once. Options replace what the environment says, so they repeat it.
    setup_build "$dir" --buildtype=release -Db_lto=true -Db_pgo=generate \
        "-Dc_args=${CFLAGS:-} -fprofile-update=prefer-atomic" "-Dcpp_args=${CXXFLAGS:-}"
    build_in "$dir" weft-all training-programs
    say "training"
    tools/train "$dir" || die "the training of the release failed"
    # What the training has not loaded has no profile.
    meson configure "$dir" -Db_pgo=use "-Dc_args=${CFLAGS:-} -Wno-missing-profile" \
        "-Dcpp_args=${CXXFLAGS:-} -Wno-missing-profile" >"$deps/meson.log" 2>&1 ||
        { tail -n 30 "$deps/meson.log" >&2; die "meson failed; its whole output is in $deps/meson.log"; }
    build_in "$dir" weft-all
    printf '%s' "$inputs" >"$dir/.trained"
    trap - EXIT HUP INT TERM
}

# build_release TARGETS...: the release and more of it. Where nothing has changed since the profile was made, ninja has
# nothing to do.
build_release() {
    dir=build-release
    refuse_clang CC "${CC:-cc}"
    refuse_clang CXX "${CXX:-c++}"
    inputs=$(release_inputs | cksum)
    [ "$(cat "$dir/.trained" 2>/dev/null)" = "$inputs" ] || train_release
    # A package that a target needs may have come after the release.
    ninja -C "$dir" -n "$@" >/dev/null 2>&1 || meson setup --reconfigure "$dir" >"$deps/meson.log" 2>&1 ||
        { tail -n 30 "$deps/meson.log" >&2; die "meson failed; its whole output is in $deps/meson.log"; }
    build_in "$dir" weft-all "$@"
}
