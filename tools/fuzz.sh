# ./run fuzz [NAME] [SECONDS]: libFuzzer on one harness of tests/fuzz, or on each. New inputs stay in build-fuzz/corpus,
# a crash's input in build-fuzz/findings.
# shellcheck shell=sh disable=SC2154
only=
given=
usage="fuzz takes [NAME] [SECONDS]"
[ $# -le 2 ] || refuse "$usage, but got \"$3\" too"
for argument; do
    case $argument in
    '' | *[!0-9]*)
        [ -z "$only" ] || refuse "$usage: one name, not \"$only\" and \"$argument\""
        only=$argument
        if [ -z "$only" ] || [ -z "$(find tests/fuzz -name "$only.corpus")" ]; then
            there=$(find tests/fuzz -name '*.corpus' | sed 's|.*/| |; s|\.corpus$||' | sort | tr -d '\n')
            refuse "there is no fuzzer \"$only\"; there are:$there"
        fi
        ;;
    *)
        [ -z "$given" ] || refuse "$usage: one time, not \"$given\" and \"$argument\""
        # libFuzzer takes 0 for "for ever".
        [ "$argument" -gt 0 ] || refuse "$usage: at least 1 second"
        given=$argument
        ;;
    esac
done
seconds=${given:-60}
need_deps test
export CC=clang CXX=clang++
setup_build build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
build_in build-fuzz
executions=0
findings=0
ran=0
mkdir -p build-fuzz/findings
for harness in $(find build-fuzz/tests/fuzz -type f -name 'fuzz-*' -perm -u+x | sort); do
    name=$(basename "$harness" | sed 's/^fuzz-//')
    [ -z "$only" ] || [ "$only" = "$name" ] || continue
    ran=$((ran + 1))
    corpus=build-fuzz/corpus/$name
    mkdir -p "$corpus"
    seeds=$(find tests/fuzz -type d -name "$name.corpus" | head -n 1)
    say "fuzzing $name for $seconds s"
    log=build-fuzz/$name.log
    "$harness" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build-fuzz/findings/$name-" "$corpus" ${seeds:+"$seeds"} >"$log" 2>&1 || {
        findings=$((findings + 1))
        tail -n 40 "$log" >&2
        say "$name: a finding; its input is in build-fuzz/findings"
    }
    count=$(awk '/stat::number_of_executed_units/ { print $2 }' "$log")
    executions=$((executions + ${count:-0}))
done
[ "$ran" -gt 0 ] || die "there is no fuzzer \"$only\""
printf '%s fuzzers, %s executions, %s findings\n' "$ran" "$executions" "$findings"
[ "$findings" -eq 0 ]
