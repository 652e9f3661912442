"""Make LoRA checkpoints with the real stack and record what its own merge makes of them, all in one process.

    python record_megatron_merges.py test/fixtures test/golden/merge-megatron [NAME...]

Writes NAME/adapter (a checkpoint of adapter weights only, as training saves it), NAME/merged.safetensors (every EVERYth
element of the tensors of the merged model that differ from the base, by checkpoint key) and NAME/case.json. Models are held in float32, so that a
difference is one of arithmetic. Needs the stack and the modules that let it run on a CPU (shims) on the path.
"""
import json
import os
import shutil
import sys
import tempfile

# No model has an axis of a multiple of it: the elements are from all rows and columns.
EVERY = 7

# Base, class of the adapter, what it gets.
CASES = {
    "llama": ("llama", "lora", "LoRA", dict(dim=4, alpha=6)),
    "llama-canonical": ("llama", "canonical_lora", "CanonicalLoRA", dict(dim=4, alpha=8)),
    "qwen3-moe": ("qwen3-moe", "lora", "LoRA", dict(dim=4, alpha=8, target_modules=["linear_proj", "linear_fc1", "linear_fc2"])),
    "nemotron-h-dense": (
        "nemotron-h-dense",
        "lora",
        "LoRA",
        dict(dim=4, alpha=16, target_modules=["in_proj", "out_proj", "linear_qkv", "linear_fc2"]),
    ),
}


def save(model, folder, keep):
    import torch
    from megatron.bridge.training.checkpointing import _generate_model_state_dict
    from megatron.core import dist_checkpointing

    state = _generate_model_state_dict(model, {})
    state["model"] = {key: value for key, value in state["model"].items() if keep(key, value)}
    os.makedirs(folder)
    dist_checkpointing.save(state, folder)


def read(folder):
    import torch
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata

    entries = dcp.FileSystemReader(folder).read_metadata().state_dict_metadata
    tensors = {
        key: torch.empty(tuple(entry.size), dtype=entry.properties.dtype)
        for key, entry in entries.items()
        if isinstance(entry, TensorStorageMetadata)
    }
    dcp.load(tensors, checkpoint_id=folder, no_dist=True)
    return tensors


def record(name, fixtures, goldens):
    import importlib

    import torch
    import yaml
    from megatron.bridge import AutoBridge
    from megatron.bridge.peft.lora import LoRAMerge
    from megatron.core import parallel_state
    from safetensors.torch import save_file

    # What one model leaves behind would disturb the next.
    for variable in ("NVTE_FLASH_ATTN", "NVTE_FUSED_ATTN", "NVTE_UNFUSED_ATTN"):
        os.environ.pop(variable, None)
    base, module, kind, options = CASES[name]
    folder = f"{goldens}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    scratch = tempfile.mkdtemp()
    peft = getattr(importlib.import_module(f"megatron.bridge.peft.{module}"), kind)(**options)
    AutoBridge.import_ckpt(f"{fixtures}/{base}", f"{scratch}/base", trust_remote_code=True)
    for variable in ("NVTE_FLASH_ATTN", "NVTE_FUSED_ATTN", "NVTE_UNFUSED_ATTN"):
        os.environ.pop(variable, None)
    if parallel_state.is_initialized():
        parallel_state.destroy_model_parallel()
    bridge = AutoBridge.from_hf_pretrained(f"{fixtures}/{base}", trust_remote_code=True)
    model = bridge.load_megatron_model(f"{scratch}/base", wrap_with_ddp=False)
    for part in model:
        part.float()
    save(model, f"{scratch}/before", lambda key, value: True)
    model = peft(model, training=False)
    model = model if isinstance(model, list) else [model]
    generator = torch.Generator().manual_seed(len(name))
    adapters = [(key, value) for part in model for key, value in part.named_parameters() if ".adapter." in key]
    for key, value in adapters:
        value.data = 0.05 * torch.randn(value.shape, generator=generator)
    save(model, f"{folder}/adapter/iter_0000005", lambda key, value: ".adapter." in key)
    with open(f"{folder}/adapter/latest_checkpointed_iteration.txt", "w") as file:
        file.write("5")
    target = f"megatron.bridge.peft.{module}.{kind}"
    with open(f"{folder}/adapter/iter_0000005/run_config.yaml", "w") as file:
        yaml.safe_dump({"checkpoint": {"pretrained_checkpoint": "/base"}, "peft": {"_target_": target, **options}}, file)
    if kind == "LoRA":
        LoRAMerge()(model, training=False)
    else:
        merge_canonical(model)
    save(model, f"{scratch}/after", lambda key, value: ".adapter." not in key)
    before, after = read(f"{scratch}/before"), read(f"{scratch}/after")
    assert before.keys() == after.keys()
    changed = {
        key: value.flatten()[::EVERY].clone() for key, value in after.items() if not torch.equal(value, before[key])
    }
    save_file(changed, f"{folder}/merged.safetensors")
    with open(f"{folder}/case.json", "w") as file:
        json.dump({"base": base, "every": EVERY}, file)
        file.write("\n")
    print(name, len(changed), "of", len(after), flush=True)
    shutil.rmtree(scratch)
    if parallel_state.is_initialized():
        parallel_state.destroy_model_parallel()


def merge_canonical(model):
    """The weights that give the outputs of the split adapters: LoRAMerge knows only the plain ones."""
    import torch
    from megatron.bridge.peft.canonical_lora import LoRALinearSplitFC1UpGate, LoRALinearSplitQKV
    from megatron.bridge.peft.lora_layers import LoRALinear

    for part in model:
        for module in part.modules():
            if not isinstance(module, (LoRALinear, LoRALinearSplitQKV, LoRALinearSplitFC1UpGate)):
                continue
            weight = module.to_wrap.weight

            def delta(adapter):
                return adapter.alpha / adapter.dim * (adapter.linear_out.weight @ adapter.linear_in.weight)

            if isinstance(module, LoRALinear):
                change = delta(module.adapter)
            elif isinstance(module, LoRALinearSplitFC1UpGate):
                change = torch.cat([delta(module.adapter.adapter_gate), delta(module.adapter.adapter_up)])
            else:
                parts = [delta(module.adapter[f"adapter_{name}"]).T for name in "qkv"]
                change = module._interleave_qkv(*parts).T
            weight.data = weight.data + change


def main(fixtures, goldens, names):
    import shims

    shims.init()
    for name in names or CASES:
        record(name, fixtures, goldens)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
