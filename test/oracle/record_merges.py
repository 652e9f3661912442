"""Make adapters with PEFT, merge them with PEFT on the CPU, and record what the merge changed.

    python record_merges.py test/fixtures test/golden/merge [NAME...]

Writes NAME/adapter (as PEFT saves it), NAME/merged.safetensors (the tensors that differ from the base as it is loaded)
and NAME/case.json (base, dtype, names of all tensors of the merged model). Needs torch, transformers and peft.
"""
import json
import os
import shutil
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
MLP = ["gate_proj", "up_proj", "down_proj"]

# Base, dtype of the merge, what LoraConfig gets.
CASES = {
    "llama": ("llama", "auto", dict(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj", "down_proj"])),
    "llama-float32": (
        "llama",
        "float32",
        dict(r=6, lora_alpha=9, target_modules=ATTENTION + MLP, layers_to_transform=[1]),
    ),
    "llama-half-adapter": ("llama", "float32", dict(r=4, lora_alpha=3, target_modules=["o_proj"])),
    "llama-patterns": (
        "llama",
        "float16",
        dict(
            r=4,
            lora_alpha=8,
            use_rslora=True,
            target_modules=["q_proj", "k_proj", "o_proj"],
            rank_pattern={"layers.1.self_attn.q_proj": 3, "k_proj": 5},
            alpha_pattern={r"^model\.layers\.[02]\.self_attn\.o_proj": 7, "k_proj": 2.5},
        ),
    ),
    "llama-tied": (
        "llama-tied-oddvocab",
        "auto",
        dict(r=4, lora_alpha=8, target_modules=["embed_tokens", "lm_head", "o_proj"]),
    ),
    "llama-tied-saved": (
        "llama-tied-oddvocab",
        "auto",
        dict(r=2, lora_alpha=4, target_modules=["o_proj"], modules_to_save=["embed_tokens"]),
    ),
    "llama-embedding-dora": (
        "llama",
        "float32",
        dict(r=4, lora_alpha=8, target_modules=["embed_tokens"], use_dora=True),
    ),
    "qwen3-dora": (
        "qwen3",
        "auto",
        dict(r=8, lora_alpha=16, use_dora=True, target_modules=["q_proj", "v_proj", "up_proj"]),
    ),
    "qwen3-dora-float32": (
        "qwen3",
        "float32",
        dict(r=8, lora_alpha=4, use_rslora=True, use_dora=True, target_modules=["k_proj", "down_proj"]),
    ),
    "mistral-saved": (
        "mistral",
        "auto",
        dict(r=4, lora_alpha=8, target_modules=["v_proj"], modules_to_save=["lm_head", "norm"]),
    ),
    "qwen2-biases": (
        "qwen2",
        "auto",
        dict(r=4, lora_alpha=6, target_modules=["q_proj", "k_proj"], lora_bias=True),
    ),
    "qwen2-bias-all": ("qwen2", "auto", dict(r=4, lora_alpha=6, target_modules=["v_proj"], bias="all")),
    "qwen3-moe": (
        "qwen3-moe",
        "auto",
        dict(r=4, lora_alpha=8, target_modules=["gate_proj", "down_proj", "gate", "q_proj"], layers_to_transform=[1]),
    ),
    "qwen3-moe-rslora": (
        "qwen3-moe",
        "float32",
        dict(r=3, lora_alpha=8, use_rslora=True, target_modules=r".*\.experts\.[13]\.(up|down)_proj", exclude_modules=r".*\.0\.mlp.*"),
    ),
    "gpt-oss-parameters": (
        "gpt-oss",
        "auto",
        dict(
            r=2,
            lora_alpha=4,
            target_modules=["q_proj"],
            target_parameters=["0.mlp.experts.gate_up_proj", "0.mlp.experts.down_proj"],
        ),
    ),
}


def fill(model, seed):
    """Trained values for everything that PEFT would train."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        noise = torch.randn(parameter.shape, generator=generator)
        if "magnitude" in name:
            parameter.data.mul_((1 + 0.1 * noise).to(parameter.dtype))
        else:
            parameter.data.add_((0.05 * noise).to(parameter.dtype))


def record(name, fixtures, goldens):
    base, dtype, options = CASES[name]
    folder = f"{goldens}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)

    def load():
        return AutoModelForCausalLM.from_pretrained(
            f"{fixtures}/{base}", torch_dtype=dtype if dtype == "auto" else getattr(torch, dtype)
        )

    torch.manual_seed(len(name))
    trained = get_peft_model(load(), LoraConfig(task_type="CAUSAL_LM", **options))
    fill(trained, len(name))
    trained.save_pretrained(f"{folder}/adapter")
    os.remove(f"{folder}/adapter/README.md")
    if "half" in name:
        path = f"{folder}/adapter/adapter_model.safetensors"
        save_file({key: value.bfloat16() for key, value in load_file(path).items()}, path)

    untouched = load().state_dict()
    merged = PeftModel.from_pretrained(load(), f"{folder}/adapter").merge_and_unload()
    merged.save_pretrained(f"{folder}/merged")
    stored = {}
    for file in sorted(os.listdir(f"{folder}/merged")):
        if file.endswith(".safetensors"):
            stored.update(load_file(f"{folder}/merged/{file}"))
    changed = {
        key: value for key, value in stored.items() if key not in untouched or not torch.equal(value, untouched[key])
    }
    shutil.rmtree(f"{folder}/merged")
    save_file(changed, f"{folder}/merged.safetensors")
    with open(f"{folder}/case.json", "w") as file:
        tensors = {key: str(value.dtype).removeprefix("torch.") for key, value in sorted(stored.items())}
        json.dump({"base": base, "dtype": dtype, "tensors": tensors}, file, indent=1)
        file.write("\n")
    print(name, len(changed), "of", len(stored))


if __name__ == "__main__":
    fixtures, goldens, *names = sys.argv[1:]
    for name in names or CASES:
        record(name, fixtures, goldens)
