# ./run sim [SEEDS | --seed N]: whole clusters under virtual time.
# shellcheck shell=sh disable=SC2154
build_plain
case ${1:-} in
--seed) exec build/tests/sim/weft-sim --seed "${2:?which seed}" ;;
*) exec build/tests/sim/weft-sim --seeds "${1:-2000}" ;;
esac
