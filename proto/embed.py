#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns a file's bytes into a C array: embed.py FILE NAME > C source."""
import sys


def main():
    path, name = sys.argv[1:]
    with open(path, "rb") as file:
        data = file.read()
    print("#include <stddef.h>")
    print("#include <stdint.h>")
    print(f"extern const uint8_t {name}[];")
    print(f"extern const size_t {name}_size_bytes;")
    print(f"const uint8_t {name}[] = {{")
    for start in range(0, len(data), 24):
        print("    " + " ".join(f"{byte}," for byte in data[start:start + 24]))
    print("};")
    print(f"const size_t {name}_size_bytes = {len(data)};")


main()
