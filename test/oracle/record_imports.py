"""Import sources with the installed stack, many in one process, and describe what it wrote.

    python record_imports.py TARGET OUT SOURCE...       # OUT/<source>.json, or OUT/<source>.err with the traceback

TARGET is the label of the installed stack (0.3.1 or 0.7.0); `shims` makes it run without a GPU and `describe` reads a
checkpoint back with torch. GLM-5's dispatcher wants a package that a machine without GPUs lacks: only its presence check
is answered, its code is never reached. The diffusion model's attention mask over 32768 positions is not built: it would
take 20 GB, and is no part of a checkpoint. Sarvam's registry has no row for the norm that this Megatron-Core puts before
full-rank queries, which stops its import: here that norm keeps the ones that it is made with. Step 3.7's bridge leaves out
the gate of attention's output that Step 3.5's sets, which stops its import too: here it is set.
"""
import json
import os
import queue
import shutil
import sys
import tempfile
import traceback


def prepare(target):
    if target != "0.3.1":
        import logging
        import types

        import lenient

        sys.modules["fused_weight_gradient_mlp_cuda"] = types.ModuleType("fused_weight_gradient_mlp_cuda")
        lenient.BLOCK = ("nvidia_resiliency_ext",)
        logging.disable(logging.NOTSET)
        lenient.stub("comet_ml", "diffusers")
    import shims

    shims.init()
    if target != "0.3.1":
        import megatron.bridge.diffusion.conversion.llada15.llada15_bridge  # noqa: F401
        import megatron.bridge.diffusion.models.common.nemotron_labs_diffusion_attention as diffusion
        import megatron.bridge.models.sarvam.sarvam_mla_bridge as sarvam
        import megatron.bridge.models.stepfun.step37_bridge as step37
        import megatron.core.transformer.moe.token_dispatcher as dispatcher

        tasks = sarvam.SarvamMLABridge.build_conversion_tasks
        sarvam.SarvamMLABridge.build_conversion_tasks = lambda *args: [task for task in tasks(*args) if task is not None]
        step37.Step37Bridge.provider_bridge = gated(step37.Step37Bridge.provider_bridge)
        diffusion.compute_block_mask = lambda **sizes: None
        dispatcher.hybrid_ep_dispatch = dispatcher.hybrid_ep_combine = True


def gated(provider_bridge):
    def bridge(self, pretrained):
        provider = provider_bridge(self, pretrained)
        provider.attention_output_gate |= provider.head_wise_attn_gate
        return provider

    return bridge


def record(source, out):
    import torch
    import megatron.core.dist_checkpointing.strategies.filesystem_async as writer
    from describe import describe
    from megatron.bridge import AutoBridge

    for name in ("NVTE_FLASH_ATTN", "NVTE_FUSED_ATTN", "NVTE_UNFUSED_ATTN"):
        os.environ.pop(name, None)
    # The writer's own queue lives in a process that it starts anew, imports and all.
    writer._results_queue = queue.Queue()
    name = os.path.join(out, os.path.basename(source.rstrip("/")))
    checkpoint = tempfile.mkdtemp()
    try:
        AutoBridge.import_ckpt(os.path.abspath(source), checkpoint, torch_dtype=torch.bfloat16, trust_remote_code=True)
        with open(f"{name}.json", "w") as f:
            json.dump(describe(checkpoint), f, indent=1)
    except Exception:
        with open(f"{name}.err", "w") as f:
            f.write(traceback.format_exc())
    finally:
        shutil.rmtree(checkpoint)


if __name__ == "__main__":
    prepare(sys.argv[1])
    os.makedirs(sys.argv[2], exist_ok=True)
    for source in sys.argv[3:]:
        record(source, sys.argv[2])
