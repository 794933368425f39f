#!/usr/bin/env bash
# An instruction set's objects may define no symbol that the linker merges with another object's (weak, vague linkage, unique):
# the copy it keeps could be the one compiled for AVX-512, and run on a machine without it.
set -euo pipefail
cd "$(dirname "$0")/.."

shopt -s nullglob
libraries=(build/Release/chainrule_*.a)
[ ${#libraries[@]} -ge 2 ] || { echo "expected the instruction sets' libraries in build/Release, got ${#libraries[@]}"; exit 1; }
for library in "${libraries[@]}"; do
  merged=$(nm --defined-only "$library" | grep -E ' [WVu] ' || true)
  [ -z "$merged" ] || { echo "$library defines symbols that the linker merges:"; echo "$merged"; exit 1; }
  echo "$library: no merged symbols"
done
