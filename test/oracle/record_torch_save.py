"""Records what torch writes, as test data for crates/ckpt_torch_dist.

    python test/oracle/record_torch_save.py crates/ckpt_torch_dist/tests/data

Recorded with torch 2.9.1 and numpy 2.3. The tests compare bytes, so another torch may record
others. What each file holds is told again in tests/suite/recorded.rs.
"""

import argparse
import collections
import enum
import io
import pathlib
import pickle
import sys

import numpy
import torch
from torch.distributed.checkpoint import filesystem, metadata

DTYPES = """bfloat16 bool complex64 complex128 float16 float32 float64 float8_e4m3fn
float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu int8 int16 int32 int64 uint8 uint16
uint32 uint64""".split()


def pattern(dtype, *shape):
    """Elements whose bytes are 0, 1, 0, 1 ...: valid in every dtype, bool included."""
    element = torch.empty((), dtype=dtype).element_size()
    count = element
    for size in shape:
        count *= size
    return (torch.arange(count) % 2).to(torch.uint8).view(dtype).reshape(shape)


class Colour(enum.Enum):
    RED = 1


class Ends:
    """A stream that forgets a payload: what precedes it and what follows."""

    def __init__(self):
        self.head, self.tail, self.seen = b"", b"", False

    def write(self, data):
        view = memoryview(data).cast("B")
        if view.nbytes > 1 << 20:
            self.seen = True
        elif self.seen:
            self.tail += bytes(view)
        else:
            self.head += bytes(view)
        return view.nbytes

    def flush(self):
        pass


def tensors():
    for name in DTYPES:
        yield f"tensor_{name}", pattern(getattr(torch, name), 1, 2, 3)
    yield "tensor_scalar", torch.tensor(7, dtype=torch.int32)
    yield "tensor_empty", torch.empty((3, 0, 2), dtype=torch.bfloat16)
    yield "tensor_4d", pattern(torch.bfloat16, 2, 1, 3, 300)


def objects():
    yield "extra_state", [torch.empty(0, dtype=torch.uint8)]
    yield "none", [None]
    content = {"singleton_local_shards": False, "chained_optim_avoid_prefix": True}
    yield "common", {"checkpoint_version": 3.0, "iteration": 0, "content_metadata": content}
    counters = ["step", "consumed_train_samples", "skipped_train_samples", "consumed_valid_samples"]
    state = {name: torch.tensor(0, dtype=torch.int32) for name in counters}
    state["floating_point_operations_so_far"] = torch.tensor(0, dtype=torch.float32)
    state |= {name: torch.tensor(False) for name in ["do_train", "do_valid", "do_test"]}
    yield "train_state", state
    yield "many_tensors", [torch.tensor(i, dtype=torch.uint8) for i in range(40)]
    yield "scalars", [
        None, True, False, 0, 255, 256, 65535, 65536, -1, 2**31 - 1, 2**31, -(2**31) - 1, 2**63 - 1,
        -(2**63), 0.0, -1.5, float("inf"), float("-inf"), "", "naïve ✓", "x" * 300, b"", b"\x00\xff",
        (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], [1], {}, {"a": 1}, {7}, frozenset(),
    ]  # fmt: skip
    yield "batches", {"list": list(range(2001)), "dict": {i: None for i in range(1001)}}


def read_only():
    """What is only read: other strides, shared storages, classes from elsewhere."""
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    yield "strided", base.t(), {}
    yield "shared", {"all": base, "row": base[1], "column": base[:, 2]}, {}
    yield "parameter", torch.nn.Parameter(base[:1].clone()), {}
    namespace = argparse.Namespace(hidden_size=64, lr=0.5, dtype=torch.bfloat16, names=["a", "b"])
    for protocol in (2, 3, 4, 5):
        # Megatron's common.pt of a training run, in small.
        yield f"training_{protocol}", {
            "args": namespace,
            "enum": Colour.RED,
            "ordered": collections.OrderedDict([("x", 1), ("y", (2, 3))]),
            "default": collections.defaultdict(list, {"k": [1]}),
            "size": torch.Size([2, 3]),
            "stream": io.BytesIO(b"abc"),
            "set": {1},
            "frozen": frozenset([2]),
            "bytes": b"\x00\xff",
            "bytearray": bytearray(b"ab"),
            "big": 2**70,
            "numpy": numpy.float64(1.5),
            "array": numpy.arange(3, dtype=numpy.uint32),
            "complex": 1 + 2j,
            "slice": slice(1, 2),
            "tensor": torch.tensor([1, 2], dtype=torch.int64),
        }, {"pickle_protocol": protocol}


def indexes():
    properties = metadata.TensorProperties(dtype=torch.bfloat16)
    chunk = lambda *at: metadata.ChunkStorageMetadata(torch.Size(at), torch.Size((1, 2)))
    states = {
        "layers.weight": metadata.TensorStorageMetadata(
            properties, torch.Size((2, 2)), [chunk(0, 0), chunk(1, 0)]
        ),
        "scalar": metadata.TensorStorageMetadata(
            metadata.TensorProperties(dtype=torch.float32),
            torch.Size(()),
            [metadata.ChunkStorageMetadata(torch.Size(()), torch.Size(()))],
        ),
        "layers._extra_state/shard_0_1": metadata.BytesStorageMetadata(),
    }
    index, info = metadata.MetadataIndex, filesystem._StorageInfo
    storage = {
        index("layers._extra_state/shard_0_1"): info("__0_0.distcp", 0, 1513),
        index("layers.weight", (0, 0)): info("__0_1.distcp", 0, 1577),
        index("layers.weight", (1, 0), 1): info("__1_0.distcp", 1577, 1577),
        index("scalar", ()): info("__0_0.distcp", 1513, 1577),
    }
    meta = metadata.StorageMeta(checkpoint_id="/ckpt/iter_0000000", save_id="an-id", load_id="another")
    yield "metadata", metadata.Metadata(states, None, storage, meta, "1.0.0")
    # Before torch 2.3: no storage_meta, no version.
    old = metadata.Metadata(states, {"layers.weight": ("layers", 0)}, storage)
    for attribute in ("storage_meta", "version"):
        vars(old).pop(attribute)
    yield "metadata_old", old
    # Megatron-Core up to 0.15 wrote a subclass.
    strategy = type(sys)("megatron.core.dist_checkpointing.strategies.torch")
    strategy.MCoreMetadata = type("MCoreMetadata", (metadata.Metadata,), {"__module__": strategy.__name__})
    sys.modules[strategy.__name__] = strategy
    mcore = strategy.MCoreMetadata(states, None, storage, meta, "1.0.0")
    mcore.mcore_data = {"layers.weight": {"nd_reformulated_orig_global_shape": (2, 2)}}
    yield "metadata_mcore", mcore


def main():
    out = pathlib.Path(sys.argv[1])
    # Named as an installed module's would be, not as this script's.
    Colour.__module__ = "megatron.core.enums"
    module = type(sys)(Colour.__module__)
    module.Colour = Colour
    sys.modules[Colour.__module__] = module
    for name, value in tensors():
        stream = io.BytesIO()
        torch.save(value, stream)
        (out / f"{name}.item").write_bytes(stream.getvalue())
    for name, value in objects():
        torch.save(value, out / f"{name}.pt")
    for name, value, options in read_only():
        stream = io.BytesIO()
        torch.save(value, stream, **options)
        (out / f"{name}.pt").write_bytes(stream.getvalue())
    # Zeros from calloc: no page of theirs is ever written.
    for size in (2**32 - 2, 2**32 - 1, 2**32 + 1000):
        ends = Ends()
        torch.save(torch.zeros(size, dtype=torch.uint8), ends)
        (out / f"zeros_{size}.head").write_bytes(ends.head)
        (out / f"zeros_{size}.tail").write_bytes(ends.tail)
    for name, value in indexes():
        (out / f"{name}.pickle").write_bytes(pickle.dumps(value))


if __name__ == "__main__":
    main()
