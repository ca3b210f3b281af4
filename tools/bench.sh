# ./run bench NAME [--quick] [--case CASE]...: the release (tools/release.sh) against its peers, by tests/bench/NAME.
# shellcheck shell=sh disable=SC2154
name=${1:-}
if [ -z "$name" ] || [ ! -x "tests/bench/$name" ]; then
    refuse "say which bench: $(cd tests/bench && find . -maxdepth 1 -type f -perm -u+x | sed 's|./||' | sort | tr '\n' ' ')"
fi
shift
before=
for argument; do
    case $before:$argument in
    --case:*) before= ;;
    :--quick | :--case=*) ;;
    :--case) before=--case ;;
    *) refuse "bench: there is no option \"$argument\"; there are --quick and --case CASE" ;;
    esac
done
[ -z "$before" ] || refuse "bench: --case needs a value"
need_deps test bench
. tools/release.sh
build_release bench-programs
WEFT_BUILD=$PWD/build-release exec "tests/bench/$name" "$@"
