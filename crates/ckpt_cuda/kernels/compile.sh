#!/usr/bin/env bash
# Compiles box_copy.cu to box_copy.ptx with clang's own back end. The result is committed: builds need no compiler for
# GPUs, and a driver that knows PTX 7.0 (CUDA 11, 2020) or newer translates it for its GPU when it is loaded.
set -euo pipefail
cd "$(dirname "$0")"
"${CLANG:-clang}" -x cuda --cuda-device-only --cuda-gpu-arch=sm_70 -nocudainc -nocudalib -Wno-unknown-cuda-version \
  -O3 -ffp-contract=off -Xclang -target-feature -Xclang +ptx70 -S box_copy.cu -o box_copy.ptx
