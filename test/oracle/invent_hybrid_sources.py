"""Make the small invented Nemotron-H checkpoints of test/fixtures, tensor by tensor.

    python invent_hybrid_sources.py test/fixtures [NAME...]

Needs torch, safetensors and, for the tokenizer, what invent_sources.py needs.
"""
import json
import os
import shutil
import sys
import zlib

import torch
from safetensors.torch import save_file

from invent_sources import tokenizer

BASE = dict(
    architectures=["NemotronHForCausalLM"], model_type="nemotron_h", torch_dtype="bfloat16",
    auto_map={"AutoConfig": "configuration_nemotron_h.NemotronHConfig", "AutoModelForCausalLM": "modeling_nemotron_h.NemotronHForCausalLM"},
    vocab_size=72, hidden_size=32, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
    max_position_embeddings=64, attention_bias=False, mlp_bias=False, use_bias=False, mlp_hidden_act="relu2",
    layer_norm_epsilon=1e-5, residual_in_fp32=False, tie_word_embeddings=False, initializer_range=0.02,
    mamba_num_heads=4, mamba_head_dim=8, n_groups=2, ssm_state_size=8, conv_kernel=4, chunk_size=16, rope_theta=10000,
    attention_dropout=0.0, hidden_dropout=0.0,
)
MOE = dict(
    n_routed_experts=3, n_shared_experts=1, num_experts_per_tok=2, moe_intermediate_size=12, n_group=1, topk_group=1,
    moe_shared_expert_intermediate_size=20, norm_topk_prob=True, routed_scaling_factor=2.5, moe_shared_expert_overlap=True,
)
SOURCES = {
    "nemotron-h-groups": dict(BASE, hybrid_override_pattern="*M-M", n_groups=4, num_key_value_heads=1, vocab_size=77, residual_in_fp32=True),
    "nemotron-h-mixture": dict(BASE, **MOE, hybrid_override_pattern="EM*", mamba_num_heads=8, moe_latent_size=None),
    "nemotron-h-mtp": dict(BASE, **MOE, hybrid_override_pattern="ME*", moe_latent_size=16, num_nextn_predict_layers=2, mtp_hybrid_override_pattern="*E", mtp_use_repeated_layer=False),
    "nemotron-h-mtp-repeated": dict(BASE, **MOE, hybrid_override_pattern="ME", num_nextn_predict_layers=2, mtp_hybrid_override_pattern="E"),
}
CONFIGURATION = '''from transformers.configuration_utils import PretrainedConfig


class NemotronHConfig(PretrainedConfig):
    model_type = "nemotron_h"

    def __init__(self, **keys):
        keys.setdefault("tie_word_embeddings", False)
        known = ("tie_word_embeddings", "architectures", "auto_map", "torch_dtype", "dtype", "transformers_version", "name_or_path")
        super().__init__(**{key: keys.pop(key) for key in list(keys) if key in known or key.startswith("_")})
        for key, value in keys.items():
            setattr(self, key, value)
        self.num_hidden_layers = len(getattr(self, "hybrid_override_pattern", ""))
'''


def shapes(c, kind):
    """The tensors of a mixer, by the layer's character."""
    hidden, heads, groups, size = (c[key] for key in ("hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim"))
    inner, state = c["mamba_num_heads"] * c["mamba_head_dim"], c["n_groups"] * c["ssm_state_size"]
    if kind == "M":
        own = {name: [c["mamba_num_heads"]] for name in ("A_log", "D", "dt_bias")}
        conv = {"conv1d.weight": [inner + 2 * state, 1, c["conv_kernel"]], "conv1d.bias": [inner + 2 * state], "norm.weight": [inner]}
        return {**own, **conv, "in_proj.weight": [2 * inner + 2 * state + c["mamba_num_heads"], hidden], "out_proj.weight": [hidden, inner]}
    if kind == "*":
        rows = {"q": heads * size, "k": groups * size, "v": groups * size}
        return {**{f"{name}_proj.weight": [n, hidden] for name, n in rows.items()}, "o_proj.weight": [hidden, heads * size]}
    if kind == "-":
        return {"up_proj.weight": [c["intermediate_size"], hidden], "down_proj.weight": [hidden, c["intermediate_size"]]}
    latent, width = c.get("moe_latent_size") or hidden, c["moe_intermediate_size"]
    out = {"gate.weight": [c["n_routed_experts"], hidden], "gate.e_score_correction_bias": [c["n_routed_experts"]]}
    for expert in range(c["n_routed_experts"]):
        out |= {f"experts.{expert}.up_proj.weight": [width, latent], f"experts.{expert}.down_proj.weight": [latent, width]}
    shared = c["moe_shared_expert_intermediate_size"]
    out |= {"shared_experts.up_proj.weight": [shared, hidden], "shared_experts.down_proj.weight": [hidden, shared]}
    if c.get("moe_latent_size"):
        out |= {"fc1_latent_proj.weight": [latent, hidden], "fc2_latent_proj.weight": [hidden, latent]}
    return out


def layer(c, at, kind):
    return {f"{at}.norm.weight": [c["hidden_size"]], **{f"{at}.mixer.{name}": shape for name, shape in shapes(c, kind).items()}}


def make(folder, config):
    hidden, table = config["hidden_size"], [config["vocab_size"], config["hidden_size"]]
    wanted = {"backbone.embeddings.weight": table, "lm_head.weight": table, "backbone.norm_f.weight": [hidden]}
    for i, kind in enumerate(config["hybrid_override_pattern"]):
        wanted |= layer(config, f"backbone.layers.{i}", kind)
    pattern = config.get("mtp_hybrid_override_pattern", "")
    depths = 1 if config.get("mtp_use_repeated_layer", True) else config["num_nextn_predict_layers"]
    for i, kind in enumerate(pattern * depths):
        at, within = f"mtp.layers.{i}", i % len(pattern)
        wanted |= layer(config, at, kind)
        if within == 0:
            wanted |= {f"{at}.enorm.weight": [hidden], f"{at}.hnorm.weight": [hidden], f"{at}.eh_proj.weight": [hidden, 2 * hidden]}
        if within == len(pattern) - 1:
            wanted[f"{at}.final_layernorm.weight"] = [hidden]
    generator = torch.Generator().manual_seed(zlib.crc32(os.path.basename(folder).encode()))
    tensors = {}
    for name, shape in wanted.items():
        values = torch.empty(shape).uniform_(-0.08, 0.08, generator=generator) + ("norm" in name)
        # The router's bias keeps every bit, so give it only bits that any version keeps.
        tensors[name] = values.bfloat16().float() if name.endswith("correction_bias") else values.bfloat16()
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    tokenizer(folder)
    save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})
    os.chmod(f"{folder}/model.safetensors", 0o644)
    with open(f"{folder}/config.json", "w") as file:
        json.dump({**config, "num_hidden_layers": len(config["hybrid_override_pattern"])}, file, indent=2)
    with open(f"{folder}/configuration_nemotron_h.py", "w") as file:
        file.write(CONFIGURATION)


if __name__ == "__main__":
    for name in sys.argv[2:] or SOURCES:
        make(os.path.join(sys.argv[1], name), SOURCES[name])
