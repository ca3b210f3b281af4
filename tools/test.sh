# ./run test: all tests, in a plain gcc build, a clang build under the address and undefined sanitizers, and the threaded
# ones under the thread sanitizer. The last line counts test cases.
# shellcheck shell=sh disable=SC2154
need_deps test lint demo
. tools/python.sh
need_python
setup_build build
build_in build
(
    export CC=clang CXX=clang++
    setup_build build-asan -Db_sanitize=address,undefined -Db_lundef=false
    build_in build-asan
    setup_build build-tsan -Db_sanitize=thread -Db_lundef=false
    build_in build-tsan
) || exit 1

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
failed=0
say "testing in build"
meson test -C build --no-rebuild --print-errorlogs >&2 || failed=1
say "testing under the address and undefined sanitizers"
meson test -C build-asan --no-rebuild --no-suite nosan --print-errorlogs --timeout-multiplier 4 >&2 || failed=1
say "testing threads under the thread sanitizer"
meson test -C build-tsan --no-rebuild --suite threads --print-errorlogs --timeout-multiplier 4 >&2 || failed=1
python3 tools/test_summary.py build build-asan build-tsan || failed=1
exit $failed
