"""Records what torch's CPU casts do, for crates/ckpt_tensor/tests/casts.rs.

Usage: python record_casts.py OUTPUT_DIRECTORY      (numpy and torch on x86-64; torch 2.9.1 made the committed file)

Sources: every 16-bit pattern for bfloat16 and float16; for float32 the patterns that `f32_patterns` lists, which
the Rust test makes again by the same rule. Only SHA-256 sums of the results are kept. Every cast is of one
contiguous tensor whose length is a multiple of every vector width: torch's tail code treats NaN differently.
"""

import hashlib
import sys
from pathlib import Path

import numpy
import torch

DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
BITS = {torch.bfloat16: torch.int16, torch.float16: torch.int16, torch.float32: torch.int32}


def f32_patterns():
    """Every upper half with the lower halves that sit on or beside a rounding boundary, then a random walk."""
    low = [0x0000, 0x0001, 0x0FFF, 0x1000, 0x1001, 0x1FFF, 0x2000, 0x2FFF, 0x3000, 0x3001, 0x5000, 0x7000,
           0x7FFF, 0x8000, 0x8001, 0x9000, 0xA000, 0xB000, 0xC000, 0xD000, 0xE000, 0xEFFF, 0xF000, 0xFFFF]
    high = numpy.arange(65536, dtype=numpy.uint32) << 16
    dense = (high[:, None] | numpy.array(low, dtype=numpy.uint32)[None, :]).reshape(-1)
    walk = (numpy.arange(1 << 20, dtype=numpy.uint64) * 2654435761 + 12345).astype(numpy.uint32)
    return torch.from_numpy(numpy.concatenate([dense, walk]).view(numpy.float32).copy())


def all_halves(dtype):
    return torch.arange(65536, dtype=torch.int32).to(torch.int16).view(dtype)


def digest(tensor):
    return hashlib.sha256(tensor.view(BITS[tensor.dtype]).numpy().tobytes()).hexdigest()


def main(output):
    rows = {}
    for source_name, source in DTYPES.items():
        values = f32_patterns() if source is torch.float32 else all_halves(source)
        for target_name, target in DTYPES.items():
            rows[f"{source_name} {target_name} none"] = digest(values.to(target))
            rows[f"{source_name} {target_name} minus_one"] = digest((values - 1).to(target))
            rows[f"{source_name} {target_name} plus_one"] = digest((values + 1).to(target))
    text = "".join(f"{case} {sha}\n" for case, sha in sorted(rows.items()))
    (Path(output) / "casts.sha256").write_text(text)
    fp8 = torch.arange(256, dtype=torch.int32).to(torch.uint8).view(torch.float8_e4m3fn).to(torch.float32)
    (Path(output) / "e4m3.f32").write_bytes(fp8.numpy().tobytes())


if __name__ == "__main__":
    main(sys.argv[1])
