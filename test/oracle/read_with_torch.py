"""Read a checkpoint with torch.distributed.checkpoint itself and compare it with a recorded truth.

    python read_with_torch.py CHECKPOINT EXPECTED.json [CHECKPOINT EXPECTED.json …]

Compares every tensor's dtype, shape, chunk grid and SHA-256, and loads every object. Exit code 1 on any difference.
"""
import hashlib
import io
import json
import os
import sys

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.metadata import TensorStorageMetadata


def differences(checkpoint, expected_path):
    iteration = os.path.join(checkpoint, "iter_0000000")
    with open(expected_path) as file:
        expected = json.load(file)
    reader = dcp.FileSystemReader(iteration)
    metadata = reader.read_metadata()
    tensors = {}
    faults = []
    for key, entry in metadata.state_dict_metadata.items():
        if isinstance(entry, TensorStorageMetadata):
            tensors[key] = torch.empty(tuple(entry.size), dtype=entry.properties.dtype)
            grid = sorted([list(chunk.offsets), list(chunk.sizes)] for chunk in entry.chunks)
            if grid != sorted(expected["tensors"].get(key, {}).get("chunks", [])):
                faults.append(f"chunks of {key}")
    if tensors.keys() != expected["tensors"].keys():
        faults.append(f"tensor keys: {sorted(tensors.keys() ^ expected['tensors'].keys())[:5]}")
    dcp.load(tensors, storage_reader=reader, no_dist=True)
    for key, tensor in tensors.items():
        want = expected["tensors"].get(key, {})
        data = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
        if [str(tensor.dtype)[6:], list(tensor.shape)] != [want.get("dtype"), want.get("shape")]:
            faults.append(f"{key}: {tensor.dtype} {list(tensor.shape)}")
        elif hashlib.sha256(data).hexdigest() != want["sha256"]:
            faults.append(f"bytes of {key}")
    objects = set(metadata.state_dict_metadata) - set(tensors)
    if objects != set(expected["objects"]):
        faults.append(f"object keys: {sorted(objects ^ set(expected['objects']))[:5]}")
    for index, info in metadata.storage_data.items():
        if index.fqn in objects:
            with open(os.path.join(iteration, info.relative_path), "rb") as file:
                file.seek(info.offset)
                torch.load(io.BytesIO(file.read(info.length)), weights_only=True)
    for name in ("common.pt", "train_state.pt", "../latest_train_state.pt"):
        path = os.path.join(iteration, name)
        if os.path.exists(path):
            torch.load(path, weights_only=True)
    return faults


def main(arguments):
    total = 0
    for checkpoint, expected in zip(arguments[::2], arguments[1::2], strict=True):
        faults = differences(checkpoint, expected)
        total += len(faults)
        print(f"{expected}: {len(faults)} differences", *faults, sep="\n  ")
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
