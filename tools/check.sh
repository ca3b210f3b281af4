# ./run check [NAME]: what takes too long for every day.
# shellcheck shell=sh disable=SC2154

# clang-tidy over all of our code, with the commands of the sanitizers' build, which is clang's.
tidy() {
    need_deps test lint
    (
        export CC=clang CXX=clang++
        setup_build build-asan -Db_sanitize=address,undefined -Db_lundef=false
        build_in build-asan
    )
    say "clang-tidy over src and plugins"
    git ls-files 'src/*.c' 'plugins/*.c' | xargs -P 2 -n 8 clang-tidy -p build-asan --quiet 2>/dev/null
}

[ $# -le 1 ] || refuse "check takes one name (fuzz, sim, tidy, newcomer) or none, but got \"$2\" too"
case ${1:-all} in
fuzz) ./run fuzz 600 ;;
sim) ./run sim 50000 ;;
tidy) tidy ;;
newcomer) . tools/newcomer.sh ;;
all) ./run lint && tidy && ./run fuzz 600 && ./run sim 50000 && . tools/newcomer.sh ;;
*) refuse "there is no check \"$1\": fuzz, sim, tidy, newcomer" ;;
esac
