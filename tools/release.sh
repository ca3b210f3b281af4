# ./run release: what one installs. Optimised at link time and by a profile: the program is built to count what it runs,
# runs what nodes do most (tools/train), and is built again so that this lies close together. A node runs little code a
# message, but from cold caches; so the profile is worth more than any option (docs/bench.md).
# shellcheck shell=sh disable=SC2154

# What the profile belongs to.
release_inputs() {
    "${CC:-cc}" --version | head -n 1
    find meson.build meson_options.txt include plugins proto src tests/bench tools/train tools/release.sh -type f |
        LC_ALL=C sort | xargs cksum
}

# Where nothing has changed since the profile was made, ninja has nothing to do.
build_release() {
    dir=build-release
    "${CC:-cc}" -dM -E - </dev/null | grep -q __clang__ && die "release needs GCC, whose profiles it uses, but CC is clang: unset CC"
    inputs=$(release_inputs | cksum)
    if [ "$(cat "$dir/.trained" 2>/dev/null)" != "$inputs" ]; then
        rm -rf "$dir"
        # Several threads count at once.
        setup_build "$dir" --buildtype=release -Db_lto=true -Db_pgo=generate \
            -Dc_args=-fprofile-update=prefer-atomic
        build_in "$dir" weft-all training-programs
        say "training"
        tools/train "$dir" || die "the training of the release failed"
        # What the training has not loaded has no profile.
        meson configure "$dir" -Db_pgo=use -Dc_args=-Wno-missing-profile \
            -Dcpp_args=-Wno-missing-profile >"$deps/meson.log" 2>&1 ||
            { tail -n 30 "$deps/meson.log" >&2; die "meson failed; its whole output is in $deps/meson.log"; }
    fi
    build_in "$dir" weft-all "$@"
    printf '%s' "$inputs" >"$dir/.trained"
}
