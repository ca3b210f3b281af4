# ./run fmt [--check]: clang-format over our C and C++ files.
# shellcheck shell=sh disable=SC2154
case $#:${1:-} in
0: | 1:--check) ;;
*) refuse "fmt takes --check or nothing, but got \"$*\"" ;;
esac
need_packages lint
files=$(find include src plugins tests -name '*.[ch]' -o -name '*.cc' -o -name '*.cpp' | sort)
if [ "${1:-}" = --check ]; then
    # shellcheck disable=SC2086
    clang-format --dry-run --Werror $files
else
    # shellcheck disable=SC2086
    clang-format -i $files
fi
