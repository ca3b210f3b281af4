# ./run demo [--nodes N] [--photo FILE] [--person NAME] [--seed N]: the portrait case on a real photograph.
# shellcheck shell=sh disable=SC2154
photo=
person=
seed=1
nodes=5
while [ $# -gt 0 ]; do
    case $1 in
    --photo | --person | --seed | --nodes) [ $# -ge 2 ] || refuse "demo: $1 needs a value" ;;
    esac
    case $1 in
    --photo)
        case $2 in
        /*) photo=$2 ;;
        *) photo=$called_in/$2 ;;
        esac
        ;;
    --person) person=$2 ;;
    --seed)
        case $2 in
        '' | *[!0-9]* | ???????????????????*)
            refuse "demo: --seed is a whole number of at most 18 digits, not \"$2\"" ;;
        esac
        seed=$2
        ;;
    --nodes) nodes=$2 ;;
    *) refuse "demo: there is no option \"$1\"; there are --nodes 1, --photo FILE, --person NAME, --seed N" ;;
    esac
    shift 2
done
# Five processes are what the cluster file says: A, B, C, D and the gateway.
case $nodes in
1) one="--nodes 1" ;;
4 | 5) one= ;;
*) refuse "demo: --nodes is 4 (the default: nodes A to D, and the gateway) or 1 (all in one process)" ;;
esac
[ -z "$photo" ] || [ -f "$photo" ] || refuse "demo: there is no file \"$photo\""
need_writable out
if [ -z "$photo" ]; then
    need_packages build demo
    photo=/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg
    person=${person:-grace_hopper}
fi
[ -f "$photo" ] || die "demo: there is no file \"$photo\""
need_deps demo
setup_build build
build_in build weft-all

weft=build/src/cli/weft
cluster=examples/portrait/cluster.yaml
gateway=127.0.0.15:8000
face=127.0.0.11:8000
[ "$nodes" != 1 ] || face=$gateway
rm -rf out/state out/portrait.png out/run.json
# What the face model learns in a demo is forgotten at the next one.
# Before the nodes are there: a signal while they start must not leave them behind. `up` runs beside
# the shell, which would hear of a signal only at its end, and is told itself.
starting=
end_cluster() {
    trap '' HUP INT QUIT TERM # whoever is impatient must not leave half a cluster behind
    if [ -n "$starting" ]; then
        kill -TERM "$starting" 2>/dev/null || :
        if wait "$starting"; then
            up=1 # it was done before it was told
        fi
    fi
    [ -z "$up" ] || "$weft" down "$cluster" >&2 || :
}
up=
trap end_cluster EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 131' QUIT
trap 'exit 143' TERM
# shellcheck disable=SC2086
XDG_STATE_HOME=$PWD/out/state "$weft" up "$cluster" --wait $one &
starting=$!
wait "$starting" || {
    code=$?
    starting=
    exit "$code"
}
up=1
starting=
if [ -n "$person" ]; then
    say "enrolling \"$person\""
    "$weft" run face --server "$face" --input "photo=@$photo" --parameter "enroll=$person" -o json >out/enrolled.json ||
        die "demo: the face of $photo could not be enrolled"
fi
"$weft" run portrait --server "$gateway" --input "photo=@$photo" --input "seed=$seed" --output image=out/portrait.png \
    --record out/run.json --table
