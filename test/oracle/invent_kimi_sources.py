"""Make the small invented Kimi-K2.5 checkpoints of test/fixtures: MoonViT beside latent attention, experts in four bits.

    python invent_kimi_sources.py test/fixtures [NAME...]

Needs torch, safetensors and, for the tokenizer, what invent_sources.py needs. The model's code is written here: modules with the
parameters of the published ones, which is what a conversion builds.
"""
import json
import os
import shutil
import sys
import zlib

import torch
from safetensors.torch import save_file

from invent_sources import tokenizer

CONFIGURATION = '''from transformers.configuration_utils import PretrainedConfig


class DeepseekV3Config(PretrainedConfig):
    model_type = "kimi_k2"

    def __init__(self, **keys):
        super().__init__(**{key: keys.pop(key) for key in list(keys) if key in ("architectures", "torch_dtype", "dtype", "tie_word_embeddings", "bos_token_id", "eos_token_id", "pad_token_id")})
        for key, value in keys.items():
            setattr(self, key, value)


EYE = dict(
    patch_size=14, init_pos_emb_height=64, init_pos_emb_width=64, init_pos_emb_time=4, pos_emb_type="divided_fixed",
    vt_num_attention_heads=16, vt_num_hidden_layers=27, vt_hidden_size=1152, vt_intermediate_size=4304, merge_kernel_size=(2, 2),
    video_attn_type="spatial_temporal", merge_type="sd2_tpool", _attn_implementation="flash_attention_2",
    mm_projector_type="patchmerger", mm_hidden_size=None, projector_hidden_act="gelu", projector_ln_eps=1e-5, text_hidden_size=7168,
)
UNUSED = ("ignore_index", "media_placeholder_token_id", "pad_token_id", "use_unified_vision_chunk", "video_placeholder")


class KimiK25VisionConfig(PretrainedConfig):
    model_type = ""

    def __init__(self, **keys):
        for key, value in EYE.items():
            setattr(self, key, keys.pop(key, value))
        if self.mm_hidden_size is None:
            self.mm_hidden_size = self.vt_hidden_size
        super().__init__(**{key: value for key, value in keys.items() if key not in UNUSED})


class KimiK25Config(PretrainedConfig):
    model_type = "kimi_k25"

    def __init__(self, text_config=None, vision_config=None, ignore_index=-100, media_placeholder_token_id=163605, pad_token_id=0, use_unified_vision_chunk=True, video_placeholder="<|kimi_k25_video_placeholder|>", **keys):
        self.text_config = DeepseekV3Config(**(text_config or {}))
        self.vision_config = KimiK25VisionConfig(**(vision_config or {}))
        self.ignore_index = ignore_index
        self.media_placeholder_token_id = media_placeholder_token_id
        self.use_unified_vision_chunk = use_unified_vision_chunk
        self.video_placeholder = video_placeholder
        if getattr(self.text_config, "quantization_config", None) is not None:
            self.quantization_config = self.text_config.quantization_config
        super().__init__(pad_token_id=pad_token_id, **keys)
'''
MODEL = '''import torch
from torch import nn


class VisionTowerConfig:
    def __init__(self, config):
        self.__dict__.update({key.removeprefix("vt_"): value for key, value in vars(config).items()})
        self._attn_implementation = "eager"


class ProjectorConfig:
    def __init__(self, config):
        self.width = config.mm_hidden_size
        self.merged = config.mm_hidden_size * config.merge_kernel_size[0] * config.merge_kernel_size[1]
        self.out = config.text_hidden_size


class Position(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(c.init_pos_emb_height, c.init_pos_emb_width, c.hidden_size))
        self.register_buffer("time_weight", torch.zeros(c.init_pos_emb_time, 1, c.hidden_size), persistent=False)


class Patches(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.proj = nn.Conv2d(3, c.hidden_size, kernel_size=c.patch_size, stride=c.patch_size)
        self.pos_emb = Position(c)


class Mlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc0 = nn.Linear(c.hidden_size, c.intermediate_size)
        self.fc1 = nn.Linear(c.intermediate_size, c.hidden_size)


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm0 = nn.LayerNorm(c.hidden_size)
        self.norm1 = nn.LayerNorm(c.hidden_size)
        self.mlp = Mlp(c)
        self.wqkv = nn.Linear(c.hidden_size, 3 * c.hidden_size)
        self.wo = nn.Linear(c.hidden_size, c.hidden_size)


class MoonViT3dEncoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.blocks = nn.ModuleList([Layer(c) for _ in range(c.num_hidden_layers)])
        self.final_layernorm = nn.LayerNorm(c.hidden_size)


class MoonViT3dPretrainedModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.patch_embed = Patches(c)
        self.encoder = MoonViT3dEncoder(c)


class PatchMergerMLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.pre_norm = nn.LayerNorm(c.width)
        self.proj = nn.Sequential(nn.Linear(c.merged, c.merged), nn.GELU(), nn.Linear(c.merged, c.out))


class KimiK25ForConditionalGeneration(nn.Module):
    pass
'''
INT4 = dict(
    quant_method="compressed-tensors", format="pack-quantized", quantization_status="compressed", kv_cache_scheme=None,
    ignore=["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", "re:.*mlp\\.(gate|up|gate_up|down)_proj.*"],
    config_groups=dict(group_0=dict(targets=["Linear"], input_activations=None, output_activations=None, weights=dict(num_bits=4, type="int", symmetric=True, strategy="group", group_size=32, dynamic=False, actorder=None, block_structure=None, observer="minmax", observer_kwargs={}))),
)
YARN = dict(type="yarn", factor=64.0, original_max_position_embeddings=4096, beta_fast=32.0, beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0)
TEXT = dict(
    architectures=["DeepseekV3ForCausalLM"], model_type="kimi_k2", torch_dtype="bfloat16", vocab_size=72, hidden_size=32, intermediate_size=40,
    moe_intermediate_size=32, num_hidden_layers=3, first_k_dense_replace=1, num_attention_heads=2, num_key_value_heads=2,
    n_routed_experts=3, n_shared_experts=1, num_experts_per_tok=2, n_group=1, topk_group=1, norm_topk_prob=True,
    routed_scaling_factor=2.827, scoring_func="sigmoid", topk_method="noaux_tc", aux_loss_alpha=0.001, seq_aux=True, moe_layer_freq=1, ep_size=1,
    q_lora_rank=24, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=8, num_nextn_predict_layers=0,
    hidden_act="silu", rms_norm_eps=1e-5, initializer_range=0.02, max_position_embeddings=262144, rope_theta=50000.0, rope_scaling=YARN,
    attention_bias=False, attention_dropout=0.0, tie_word_embeddings=False, bos_token_id=0, eos_token_id=1, pretraining_tp=1, use_cache=True,
)
EYE = dict(
    _attn_implementation="flash_attention_2", patch_size=2, init_pos_emb_height=4, init_pos_emb_width=6, init_pos_emb_time=2, pos_emb_type="divided_fixed",
    vt_num_attention_heads=2, vt_num_hidden_layers=2, vt_hidden_size=16, vt_intermediate_size=20, merge_kernel_size=[2, 2], merge_type="sd2_tpool",
    video_attn_type="spatial_temporal", mm_projector_type="patchmerger", mm_hidden_size=16, projector_hidden_act="gelu", projector_ln_eps=1e-5, text_hidden_size=32,
)
REST = dict(media_placeholder_token_id=60, pad_token_id=2, ignore_index=-100, bos_token_id=0, eos_token_id=1, tie_word_embeddings=False, use_unified_vision_chunk=True, video_placeholder="<|kimi_k25_video_placeholder|>")

# name: language model, vision model, the rest, then generation_config.json
SOURCES = {
    "kimi-k25-a": (dict(TEXT, quantization_config=INT4), EYE, REST),
    "kimi-k25-b": (dict(TEXT, vocab_size=77, hidden_size=64, num_hidden_layers=2, first_k_dense_replace=0, num_attention_heads=4, num_key_value_heads=4, n_routed_experts=4, n_shared_experts=2, moe_intermediate_size=16, rope_scaling=None, routed_scaling_factor=1.5, n_group=2, topk_group=1), dict(EYE, vt_num_hidden_layers=1, vt_num_attention_heads=4, patch_size=4, merge_kernel_size=[1, 2], text_hidden_size=64), {}, dict(eos_token_id=1, max_length=64, do_sample=True, temperature=0.6, top_p=0.95)),
}


def both(name, outputs, *inputs):
    yield f"{name}.weight", (outputs, *inputs)
    yield f"{name}.bias", (outputs,)


def mlp(at, hidden, width):
    for name, shape in {"gate": (width, hidden), "up": (width, hidden), "down": (hidden, width)}.items():
        yield f"{at}.{name}_proj.weight", shape


def language(c):
    hidden, heads = c["hidden_size"], c["num_attention_heads"]
    at = "language_model.model"
    yield f"{at}.embed_tokens.weight", (c["vocab_size"], hidden)
    yield f"{at}.norm.weight", (hidden,)
    yield "language_model.lm_head.weight", (c["vocab_size"], hidden)
    for i in range(c["num_hidden_layers"]):
        layer = f"{at}.layers.{i}"
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield f"{layer}.{name}.weight", (hidden,)
        attention = f"{layer}.self_attn"
        yield f"{attention}.q_a_proj.weight", (c["q_lora_rank"], hidden)
        yield f"{attention}.q_a_layernorm.weight", (c["q_lora_rank"],)
        yield f"{attention}.q_b_proj.weight", (heads * (c["qk_nope_head_dim"] + c["qk_rope_head_dim"]), c["q_lora_rank"])
        yield f"{attention}.kv_a_proj_with_mqa.weight", (c["kv_lora_rank"] + c["qk_rope_head_dim"], hidden)
        yield f"{attention}.kv_a_layernorm.weight", (c["kv_lora_rank"],)
        yield f"{attention}.kv_b_proj.weight", (heads * (c["qk_nope_head_dim"] + c["v_head_dim"]), c["kv_lora_rank"])
        yield f"{attention}.o_proj.weight", (hidden, heads * c["v_head_dim"])
        if i < c["first_k_dense_replace"]:
            yield from mlp(f"{layer}.mlp", hidden, c["intermediate_size"])
            continue
        yield f"{layer}.mlp.gate.weight", (c["n_routed_experts"], hidden)
        yield f"{layer}.mlp.gate.e_score_correction_bias", (c["n_routed_experts"],)
        yield from mlp(f"{layer}.mlp.shared_experts", hidden, c["moe_intermediate_size"] * c["n_shared_experts"])
        for e in range(c["n_routed_experts"]):
            yield from mlp(f"{layer}.mlp.experts.{e}", hidden, c["moe_intermediate_size"])


def vision(c):
    hidden, merged = c["vt_hidden_size"], c["mm_hidden_size"] * c["merge_kernel_size"][0] * c["merge_kernel_size"][1]
    at = "vision_tower"
    yield from both(f"{at}.patch_embed.proj", hidden, 3, c["patch_size"], c["patch_size"])
    yield f"{at}.patch_embed.pos_emb.weight", (c["init_pos_emb_height"], c["init_pos_emb_width"], hidden)
    for i in range(c["vt_num_hidden_layers"]):
        block = f"{at}.encoder.blocks.{i}"
        yield from both(f"{block}.norm0", hidden)
        yield from both(f"{block}.norm1", hidden)
        yield from both(f"{block}.mlp.fc0", c["vt_intermediate_size"], hidden)
        yield from both(f"{block}.mlp.fc1", hidden, c["vt_intermediate_size"])
        yield from both(f"{block}.wqkv", 3 * hidden, hidden)
        yield from both(f"{block}.wo", hidden, hidden)
    yield from both(f"{at}.encoder.final_layernorm", hidden)
    yield from both("mm_projector.pre_norm", c["mm_hidden_size"])
    yield from both("mm_projector.proj.0", merged, merged)
    yield from both("mm_projector.proj.2", c["text_hidden_size"], merged)


def packed(shape, generator):
    """Random four-bit integers, eight a word, with a scale for every 32."""
    outputs, inputs = shape
    words = torch.randint(-(2**31), 2**31, (outputs, inputs // 8), generator=generator, dtype=torch.int64).to(torch.int32)
    scales = torch.empty(outputs, inputs // 32).uniform_(0.001, 0.02, generator=generator).bfloat16()
    return {"packed": words, "scale": scales, "shape": torch.tensor(shape, dtype=torch.int32)}


def make(folder, text, eye, rest, generation=None):
    generator = torch.Generator().manual_seed(zlib.crc32(os.path.basename(folder).encode()))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    tensors = {}
    for name, shape in [*language(text), *vision(eye)]:
        if "quantization_config" in text and ".experts." in name:
            for part, tensor in packed(shape, generator).items():
                tensors[f"{name}_{part}"] = tensor
            continue
        values = torch.empty(shape).uniform_(-0.08, 0.08, generator=generator) + float("norm" in name and len(shape) == 1)
        tensors[name] = values if name.endswith("correction_bias") else values.bfloat16()
    save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})
    auto = {"AutoConfig": "configuration_kimi_k25.KimiK25Config", "AutoModel": "modeling_kimi_k25.KimiK25ForConditionalGeneration", "AutoModelForCausalLM": "modeling_kimi_k25.KimiK25ForConditionalGeneration"}
    config = dict(architectures=["KimiK25ForConditionalGeneration"], auto_map=auto, model_type="kimi_k25", torch_dtype="bfloat16", text_config=text, vision_config=eye, **rest)
    with open(f"{folder}/config.json", "w") as file:
        json.dump(config, file, indent=1)
    if generation is not None:
        with open(f"{folder}/generation_config.json", "w") as file:
            json.dump(generation, file)
    for name, code in {"configuration": CONFIGURATION, "modeling": MODEL}.items():
        with open(f"{folder}/{name}_kimi_k25.py", "w") as file:
            file.write(code)
    tokenizer(folder)


if __name__ == "__main__":
    for name in sys.argv[2:] or SOURCES:
        make(os.path.join(sys.argv[1], name), *SOURCES[name])
