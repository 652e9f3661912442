#!/usr/bin/env bash
# Builds packages/native/wasm/ckpt.wasm, the engine where no addon fits; the file is committed, since not every
# toolchain can build it. `--check` builds it elsewhere and compares. What it was built of is noted beside it, in
# inputs.json: a test compares that with what is here, without a build.
#
# With rustup: rustup target add wasm32-wasip1. Without that target's standard library, DEBIAN_RUST names a folder where
# Debian's packages rustc-web, libstd-rust-web-dev, libstd-rust-web-*, rust-web-src, libllvm* and wasi-libc are unpacked
# (apt-get download, dpkg -x): the standard library is built from their source then.
set -euo pipefail
cd "$(dirname "$0")/.."
target=wasm32-wasip1
out=packages/native/wasm/ckpt.wasm
sysroot=$(rustc --print sysroot)
flags=(--locked --profile wasm -p ckpt_wasm --target "$target" --target-dir target/wasm)
export RUSTFLAGS="-C target-feature=+simd128,+bulk-memory --remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"

if [ -n "${DEBIAN_RUST:-}" ]; then
  self=$DEBIAN_RUST/usr/lib/rustlib/$target/lib/self-contained
  mkdir -p "$self"
  cp "$DEBIAN_RUST"/usr/lib/wasm32-wasi/{crt1-*.o,libc.a} "$self"
  export RUSTC=$DEBIAN_RUST/usr/bin/rustc LD_LIBRARY_PATH=$DEBIAN_RUST/usr/lib/x86_64-linux-gnu RUSTC_BOOTSTRAP=1
  export CARGO_TARGET_WASM32_WASIP1_LINKER=$sysroot/lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld
  RUSTFLAGS+=" --remap-path-prefix=$DEBIAN_RUST=rust"
  flags+=(-Z build-std=std,panic_abort)
elif [ ! -d "$sysroot/lib/rustlib/$target" ]; then
  echo "build-wasm: this toolchain has no $target: rustup target add $target, or set DEBIAN_RUST" >&2
  exit 2
fi

cargo build "${flags[@]}"
built=target/wasm/$target/wasm/ckpt_wasm.wasm
if [ "${1:-}" = --check ]; then
  cmp "$built" "$out" && echo "build-wasm: $out is fresh"
else
  cp "$built" "$out"
  node scripts/wasm-inputs.js "${built%.wasm}.d"
  ls -l "$out"
fi
