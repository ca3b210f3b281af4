# ./run lint: layout, shell scripts, and the checks of tests/check.
# shellcheck shell=sh disable=SC2154
need_packages build test lint
failed=0
(set -- --check; . tools/fmt.sh) || failed=1
shellcheck -x run tools/*.sh .ci/run || failed=1
python3 tests/check/includes . || failed=1
python3 tests/check/house . || failed=1
[ "$failed" -eq 0 ] && say "nothing to complain about"
exit "$failed"
