# The tests' own Python environment, build-deps/python: Debian's Python and the packages of tools/requirements.txt. Made
# once, and again only where the list changed, so a second run asks no network. Sourced.
# shellcheck shell=sh disable=SC2154

need_python() {
    wanted=$(cksum <tools/requirements.txt)
    [ "$(cat "$deps/python/.requirements" 2>/dev/null)" != "$wanted" ] || return 0
    say "installing the Python packages of tools/requirements.txt"
    rm -rf "$deps/python"
    mkdir -p "$deps"
    {
        /usr/bin/python3 -m venv "$deps/python" &&
            "$deps/python/bin/pip" install --only-binary=:all: -r tools/requirements.txt
    } >"$deps/pip.log" 2>&1 </dev/null || { tail -n 20 "$deps/pip.log" >&2; die "pip failed; its whole output is in $deps/pip.log"; }
    printf '%s' "$wanted" >"$deps/python/.requirements"
}
