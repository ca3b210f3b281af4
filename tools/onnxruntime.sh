#!/bin/sh
# Brings ONNX Runtime's library into the directory $1 (lib): the system's where pkg-config knows one, else the official
# Python wheel's, checked against tools/onnxruntime.sha256. Nothing of its header is needed (docs/adr/0009). The wheel is
# kept in a cache, so that a second build needs no network.
set -eu

version=1.22.0
wheel=onnxruntime-$version-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl
target=$1
sums=$PWD/tools/onnxruntime.sha256
cache=${XDG_CACHE_HOME:-$HOME/.cache}/weft/onnxruntime-$version

if [ -f "$target/version" ] && [ "$(cat "$target/version")" = "$version" ]; then
    exit 0
fi
if pkg-config --atleast-version=1.18 libonnxruntime 2>/dev/null; then
    mkdir -p "$target/lib"
    ln -sf "$(pkg-config --variable=libdir libonnxruntime)/libonnxruntime.so" "$target/lib/libonnxruntime.so"
    exit 0
fi

fail() { printf 'run: %s\n' "$*" >&2; exit 1; }
check() { (cd "$cache" && grep " $1\$" "$sums" | sha256sum -c --status); }

mkdir -p "$cache"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

if ! check "$wheel" 2>/dev/null; then
    printf 'fetching ONNX Runtime %s\n' "$version" >&2
    python3 -m venv "$work/venv" || fail "python3 cannot make a virtual environment"
    "$work/venv/bin/pip" -q download --no-deps --only-binary=:all: --python-version 311 --implementation cp \
        --abi cp311 --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 -d "$work" \
        "onnxruntime==$version" >"$work/pip.log" 2>&1 || { cat "$work/pip.log" >&2; fail "pip cannot fetch ONNX Runtime"; }
    mv "$work/$wheel" "$cache/"
fi
check "$wheel" || fail "$cache/$wheel is not the file that tools/onnxruntime.sha256 names; remove it and try again"

rm -rf "$target"
mkdir -p "$target/lib"
python3 - "$cache/$wheel" "onnxruntime/capi/libonnxruntime.so.$version" "$target/lib/libonnxruntime.so" <<'PYTHON'
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive, archive.open(sys.argv[2]) as source, open(sys.argv[3], "wb") as target:
    shutil.copyfileobj(source, target)
PYTHON

# OrtGetApiBase() gives {GetApi, GetVersionString}.
found=$(python3 - "$target/lib/libonnxruntime.so" <<'PYTHON'
import ctypes, sys
get_base = ctypes.CDLL(sys.argv[1]).OrtGetApiBase
get_base.restype = ctypes.POINTER(ctypes.c_void_p * 2)
print(ctypes.CFUNCTYPE(ctypes.c_char_p)(get_base().contents[1])().decode())
PYTHON
) || fail "ONNX Runtime's library cannot be opened"
[ "$found" = "$version" ] || fail "the library says it is $found, not $version"
printf '%s' "$version" >"$target/version"
