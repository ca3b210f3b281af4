# ./run bench NAME [--quick]: a release build, optimised at link time like a distribution's, then tests/bench/NAME.
# shellcheck shell=sh disable=SC2154
name=${1:-}
if [ -z "$name" ] || [ ! -x "tests/bench/$name" ]; then
    die "say which bench: $(cd tests/bench && find . -maxdepth 1 -type f -perm -u+x | sed 's|./||' | sort | tr '\n' ' ')"
fi
shift
need_deps test bench
setup_build build-release --buildtype=release -Db_lto=true
build_in build-release
WEFT_BUILD=$PWD/build-release exec "tests/bench/$name" "$@"
