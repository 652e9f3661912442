"""Import checkpoints with the real stack and describe what it wrote, all in one process.

    python record_goldens.py [--keep DIR] TARGET test/fixtures test/golden NAME...

TARGET is the label of the installed stack: 0.3.1 writes NAME/expected.json, 0.7.0 writes NAME/expected.head.json. --keep
copies the checkpoints to DIR/NAME. Needs the stack, the modules that let it run on a CPU (shims, lenient) and `describe` on the path.
A source that only tells its weights (see invent_wide_sources.py) is made whole first.
"""
import argparse
import json
import os
import queue
import random
import shutil
import sys
import tempfile

VARIABLES = ("NVTE_FLASH_ATTN", "NVTE_FUSED_ATTN", "NVTE_UNFUSED_ATTN")


def stubs():
    import logging
    import types

    import lenient

    sys.modules["fused_weight_gradient_mlp_cuda"] = types.ModuleType("fused_weight_gradient_mlp_cuda")
    lenient.BLOCK = ("nvidia_resiliency_ext",)
    logging.disable(logging.NOTSET)
    lenient.stub("comet_ml", "diffusers")


def without_dispatch():
    """Tokens are not sent between experts here, so the library that sends them, which wants a GPU, may be absent."""
    from megatron.core.transformer.moe import token_dispatcher

    token_dispatcher._HybridEPManager = lambda *_, **__: None


def whole(source, folder):
    """The source, or a copy of it with the weights that it tells of."""
    if not os.path.exists(f"{source}/weights.json"):
        return source
    from invent_wide_sources import write_weights

    copy = f"{folder}/{os.path.basename(source)}"
    shutil.copytree(source, copy)
    write_weights(source, f"{copy}/model.safetensors")
    return copy


def record(source, path, keep=None):
    import describe
    import megatron.core.dist_checkpointing.strategies.filesystem_async as writer
    import torch
    import torch.distributed as dist
    from megatron.bridge import AutoBridge
    from megatron.core import parallel_state

    # What one import leaves behind would disturb the next.
    for name in VARIABLES:
        os.environ.pop(name, None)
    writer._results_queue = queue.Queue()
    os.environ["MASTER_PORT"] = str(random.randint(20000, 60000))
    if not dist.is_initialized():
        dist.init_process_group("gloo", rank=0, world_size=1)
    folder = tempfile.mkdtemp()
    try:
        AutoBridge.import_ckpt(whole(os.path.abspath(source), folder), f"{folder}/out", torch_dtype=torch.bfloat16, trust_remote_code=True)
        with open(path, "w") as file:
            json.dump(describe.describe(f"{folder}/out"), file, indent=1)
        if keep is not None:
            shutil.copytree(f"{folder}/out", keep)
    finally:
        shutil.rmtree(folder)
        if parallel_state.is_initialized():
            parallel_state.destroy_model_parallel()
        if dist.is_initialized():
            dist.destroy_process_group()


def main(target, fixtures, goldens, names, keep):
    if target != "0.3.1":
        stubs()
    import shims

    shims.init()
    import peer_bridges  # noqa: F401

    without_dispatch()

    for name in names:
        os.makedirs(f"{goldens}/{name}", exist_ok=True)
        file = "expected.json" if target == "0.3.1" else "expected.head.json"
        record(f"{fixtures}/{name}", f"{goldens}/{name}/{file}", keep and f"{keep}/{name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep")
    parser.add_argument("target")
    parser.add_argument("fixtures")
    parser.add_argument("goldens")
    parser.add_argument("names", nargs="+")
    words = parser.parse_args()
    main(words.target, words.fixtures, words.goldens, words.names, words.keep)
