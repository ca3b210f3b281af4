# ./run sim [SEEDS | --seed N]: whole clusters under virtual time.
# shellcheck shell=sh disable=SC2154
case ${1:-}:${2:-} in
--seed:*[!0-9]* | --seed:) refuse "sim: --seed needs a number" ;;
--seed:*) [ $# -eq 2 ] || refuse "sim: nothing comes after --seed N" ;;
*[!0-9]*:*) refuse "sim: \"$1\" is no number of seeds; there is --seed N" ;;
*) [ $# -le 1 ] || refuse "sim: nothing comes after the number of seeds" ;;
esac
build_plain
case ${1:-} in
--seed) exec build/tests/sim/weft-sim --seed "${2:?which seed}" ;;
*) exec build/tests/sim/weft-sim --seeds "${1:-2000}" ;;
esac
