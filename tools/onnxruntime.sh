#!/bin/sh
# Brings ONNX Runtime's library and C header into the directory $1 ({include,lib}): the system's where pkg-config knows
# one, else the official Python wheel's library and the header of the same version as the Go binding carries it. Every
# file is checked against tools/onnxruntime.sha256 before it is used. What was fetched is kept in a cache, so that a
# second build needs no network.
set -eu

version=1.22.0
wheel=onnxruntime-$version-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl
header_module=github.com/yalue/onnxruntime_go
header_module_version=v1.21.0
target=$1
sums=$PWD/tools/onnxruntime.sha256
cache=${XDG_CACHE_HOME:-$HOME/.cache}/weft/onnxruntime-$version

if [ -f "$target/version" ] && [ "$(cat "$target/version")" = "$version" ]; then
    exit 0
fi
if pkg-config --exists libonnxruntime 2>/dev/null; then
    mkdir -p "$target/lib"
    ln -sfn "$(pkg-config --variable=includedir libonnxruntime)" "$target/include"
    ln -sf "$(pkg-config --variable=libdir libonnxruntime)/libonnxruntime.so" "$target/lib/libonnxruntime.so"
    exit 0
fi

fail() { printf 'run: %s\n' "$*" >&2; exit 1; }
check() { (cd "$cache" && grep " $1\$" "$sums" | sha256sum -c --status); }

mkdir -p "$cache"
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT INT TERM

if ! check "$wheel" 2>/dev/null; then
    printf 'fetching ONNX Runtime %s\n' "$version" >&2
    python3 -m venv "$work/venv" || fail "python3 cannot make a virtual environment"
    "$work/venv/bin/pip" -q download --no-deps --only-binary=:all: --python-version 311 --implementation cp \
        --abi cp311 --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 -d "$work" \
        "onnxruntime==$version" >"$work/pip.log" 2>&1 || { cat "$work/pip.log" >&2; fail "pip cannot fetch ONNX Runtime"; }
    mv "$work/$wheel" "$cache/"
fi
check "$wheel" || fail "$cache/$wheel is not the file that tools/onnxruntime.sha256 names; remove it and try again"

if ! check onnxruntime_c_api.h 2>/dev/null; then
    # The SHA-256 below is what we trust; the module's sum database need not be asked.
    env GOFLAGS=-modcacherw GOPATH="$work/go" GOMODCACHE="$work/go/mod" GONOSUMDB="$header_module" GOTOOLCHAIN=local \
        go mod download "$header_module@$header_module_version" >"$work/go.log" 2>&1 ||
        { cat "$work/go.log" >&2; fail "the Go client cannot fetch ONNX Runtime's C header"; }
    cp "$work/go/mod/$header_module@$header_module_version/onnxruntime_c_api.h" "$cache/"
fi
check onnxruntime_c_api.h || fail "$cache/onnxruntime_c_api.h is not the file that tools/onnxruntime.sha256 names; remove it and try again"

rm -rf "$target"
mkdir -p "$target/include" "$target/lib"
cp "$cache/onnxruntime_c_api.h" "$target/include/"
python3 - "$cache/$wheel" "onnxruntime/capi/libonnxruntime.so.$version" "$target/lib/libonnxruntime.so" <<'PYTHON'
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive, archive.open(sys.argv[2]) as source, open(sys.argv[3], "wb") as target:
    shutil.copyfileobj(source, target)
PYTHON

# The header and the library must speak of the same API.
cat >"$work/check.c" <<'C'
#include <dlfcn.h>
#include <stdio.h>
#include "onnxruntime_c_api.h"
int main(int argc, char **argv)
{
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    const OrtApiBase *(*base)(void) = library ? (const OrtApiBase *(*)(void))dlsym(library, "OrtGetApiBase") : NULL;
    if (base == NULL || base()->GetApi(ORT_API_VERSION) == NULL) {
        fprintf(stderr, "the library does not offer API %d: %s\n", ORT_API_VERSION, library ? "too old" : dlerror());
        return 1;
    }
    puts(base()->GetVersionString());
    return 0;
}
C
cc -I"$target/include" -o "$work/check" "$work/check.c" -ldl
found=$("$work/check" "$target/lib/libonnxruntime.so") || fail "ONNX Runtime's header and library do not fit"
[ "$found" = "$version" ] || fail "the library says it is $found, not $version"
printf '%s' "$version" >"$target/version"
