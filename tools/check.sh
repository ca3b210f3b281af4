# ./run check [NAME]: what takes too long for every day.
# shellcheck shell=sh disable=SC2154
case ${1:-all} in
fuzz) ./run fuzz 600 ;;
sim) ./run sim 50000 ;;
newcomer) . tools/newcomer.sh ;;
all) ./run lint && ./run fuzz 600 && ./run sim 50000 && . tools/newcomer.sh ;;
*) die "there is no check \"$1\": fuzz, sim, newcomer" ;;
esac
