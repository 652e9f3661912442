"""Make the small invented DeepSeek V4 checkpoints of test/fixtures: windowed and compressed attention, hash routing, hyper-connections.

    python invent_deepseek_v4.py test/fixtures [NAME...]
    python invent_deepseek_v4.py --random OUT COUNT       # OUT/deepseek-v4-<seed>/, seeds counted from SEED (environment, default 0)

Needs torch, safetensors and, for the tokenizer, what invent_sources.py needs. Tensors have the names, kinds and dtypes of the released
checkpoints: `float8` holds e4m3 with one scale for 128 x 128 elements, `float4` holds experts as packed e2m1 beside it. Goldens are recorded
with the dev branch of Megatron-LM (d48bd6be0a) before the release of Megatron-Core on the path.
"""
import json
import os
import random
import shutil
import sys
import zlib

import torch
from safetensors.torch import save_file

from invent_sources import tokenizer

YARN = {"type": "yarn", "factor": 16, "beta_fast": 32, "beta_slow": 1, "original_max_position_embeddings": 65536}
BASE = dict(
    attention_bias=False, attention_dropout=0.0, bos_token_id=0, eos_token_id=1, compress_rope_theta=160000, head_dim=16, hc_eps=1e-6, hc_mult=2,
    hc_sinkhorn_iters=20, hidden_act="silu", hidden_size=32, index_head_dim=8, index_n_heads=2, index_topk=8, initializer_range=0.02,
    max_position_embeddings=1048576, moe_intermediate_size=24, n_routed_experts=4, n_shared_experts=1, norm_topk_prob=True, num_attention_heads=4,
    num_experts_per_tok=2, num_hash_layers=1, num_hidden_layers=4, num_key_value_heads=1, num_nextn_predict_layers=1, o_groups=2, o_lora_rank=8,
    q_lora_rank=12, qk_rope_head_dim=8, rms_norm_eps=1e-6, rope_scaling=YARN, rope_theta=10000, routed_scaling_factor=1.5, scoring_func="sqrtsoftplus",
    sliding_window=16, swiglu_limit=10.0, tie_word_embeddings=False, topk_method="noaux_tc", torch_dtype="bfloat16", use_cache=True, vocab_size=72,
    compress_ratios=[0, 4, 128, 4, 0],
)
FLOAT8 = {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "scale_fmt": "ue8m0", "weight_block_size": [128, 128]}
TYPES = ["sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention"]
NATIVE = dict(
    layer_types=[TYPES[i] for i in (0, 1, 2)], compress_rates=dict(zip(TYPES[1:], (4, 128))), mlp_layer_types=["hash_moe", "hash_moe", "moe"],
    rope_parameters={"main": {"rope_type": "default", "rope_theta": 20000.0}, "compress": dict(YARN, rope_type="yarn", rope_theta=80000.0, factor=8.0)},
    hidden_size=48, head_dim=12, qk_rope_head_dim=None, partial_rotary_factor=0.5, num_attention_heads=6, o_groups=3, o_lora_rank=4, q_lora_rank=20, n_routed_experts=6,
    num_experts_per_tok=3, n_shared_experts=2, moe_intermediate_size=16, hc_mult=4, hc_sinkhorn_iters=6, vocab_size=77, num_hidden_layers=3,
    index_n_heads=3, index_head_dim=6, num_nextn_predict_layers=0, tie_word_embeddings=True, swiglu_limit=7.0, sliding_window=128, initializer_range=0.006,
    compress_ratios=None, rope_scaling=None, rope_theta=None, compress_rope_theta=None, num_hash_layers=None,
)
# Several blocks of 128 both ways, and a rest, where the checkpoint is quantised.
WIDE = dict(num_hidden_layers=2, compress_ratios=[0, 4, 0], hidden_size=160, moe_intermediate_size=32, n_routed_experts=2, num_attention_heads=2, head_dim=16, o_groups=1, o_lora_rank=16, q_lora_rank=16, vocab_size=30)
SOURCES = {
    "deepseek-v4-a": (BASE, None),
    "deepseek-v4-b": ({**BASE, **NATIVE}, None),
    "deepseek-v4-fp8": ({**BASE, **WIDE, "num_hash_layers": 2, "num_nextn_predict_layers": 0, "compress_ratios": [4, 128], "quantization_config": {**FLOAT8, "scale_fmt": None}}, "float8"),
    "deepseek-v4-mxfp4": ({**BASE, **WIDE, "hidden_size": 128, "num_hash_layers": 0, "quantization_config": FLOAT8}, "float4"),
}


def ratios(c):
    """The compression of each layer, the predicted ones' included."""
    count = c["num_hidden_layers"] + (c.get("num_nextn_predict_layers") or 0)
    given = c.get("compress_ratios")
    if given is None:
        given = [0 if kind == TYPES[0] else c["compress_rates"][kind] for kind in c["layer_types"]]
    return (list(given) + [0] * count)[:count]


def hashed(c):
    given = c.get("num_hash_layers")
    return given if given is not None else c["mlp_layer_types"].count("hash_moe")


def compressor(at, c, ratio, size):
    wide = size * (2 if ratio == 4 else 1)
    yield f"{at}.wkv.weight", (wide, c["hidden_size"])
    yield f"{at}.wgate.weight", (wide, c["hidden_size"])
    yield f"{at}.ape", (ratio, wide)
    yield f"{at}.norm.weight", (size,)


def experts(at, hidden, width):
    for name, shape in {"w1": (width, hidden), "w2": (hidden, width), "w3": (width, hidden)}.items():
        yield f"{at}.{name}.weight", shape


def head(at, c):
    streams = c["hc_mult"]
    yield f"{at}hc_head_fn", (streams, streams * c["hidden_size"])
    yield f"{at}hc_head_base", (streams,)
    yield f"{at}hc_head_scale", (1,)


def layer(at, c, ratio, hash_routed):
    hidden, heads, size, rank = c["hidden_size"], c["num_attention_heads"], c["head_dim"], c["q_lora_rank"]
    attention = f"{at}.attn"
    yield f"{at}.attn_norm.weight", (hidden,)
    yield f"{at}.ffn_norm.weight", (hidden,)
    yield f"{attention}.wq_a.weight", (rank, hidden)
    yield f"{attention}.q_norm.weight", (rank,)
    yield f"{attention}.wq_b.weight", (heads * size, rank)
    yield f"{attention}.wkv.weight", (size, hidden)
    yield f"{attention}.kv_norm.weight", (size,)
    yield f"{attention}.wo_a.weight", (c["o_groups"] * c["o_lora_rank"], heads * size // c["o_groups"])
    yield f"{attention}.wo_b.weight", (hidden, c["o_groups"] * c["o_lora_rank"])
    yield f"{attention}.attn_sink", (heads,)
    if ratio > 1:
        yield from compressor(f"{attention}.compressor", c, ratio, size)
    if ratio == 4:
        yield f"{attention}.indexer.wq_b.weight", (c["index_n_heads"] * c["index_head_dim"], rank)
        yield f"{attention}.indexer.weights_proj.weight", (c["index_n_heads"], hidden)
        yield from compressor(f"{attention}.indexer.compressor", c, ratio, c["index_head_dim"])
    yield f"{at}.ffn.gate.weight", (c["n_routed_experts"], hidden)
    if hash_routed:
        yield f"{at}.ffn.gate.tid2eid", (c["vocab_size"], c["num_experts_per_tok"])
    else:
        yield f"{at}.ffn.gate.bias", (c["n_routed_experts"],)
    for e in range(c["n_routed_experts"]):
        yield from experts(f"{at}.ffn.experts.{e}", hidden, c["moe_intermediate_size"])
    yield from experts(f"{at}.ffn.shared_experts", hidden, c["moe_intermediate_size"] * c["n_shared_experts"])
    streams = c["hc_mult"]
    for part in ("attn", "ffn"):
        yield f"{at}.hc_{part}_fn", (streams * streams + 2 * streams, streams * hidden)
        yield f"{at}.hc_{part}_base", (streams * streams + 2 * streams,)
        yield f"{at}.hc_{part}_scale", (3,)


def names(c):
    hidden, layers = c["hidden_size"], c["num_hidden_layers"]
    yield "embed.weight", (c["vocab_size"], hidden)
    yield "norm.weight", (hidden,)
    if not c.get("tie_word_embeddings"):
        yield "head.weight", (c["vocab_size"], hidden)
    yield from head("", c)
    for i, ratio in enumerate(ratios(c)):
        at = f"layers.{i}" if i < layers else f"mtp.{i - layers}"
        yield from layer(at, c, ratio, i < min(layers, hashed(c)))
        if i >= layers:
            for name in ("e_proj", "h_proj"):
                yield f"{at}.{name}.weight", (hidden, hidden)
            for name in ("enorm", "hnorm", "norm"):
                yield f"{at}.{name}.weight", (hidden,)
            yield from head(f"{at}.", c)


def power_scales(shape, generator):
    """Powers of two as released checkpoints have them, the eight bits of an exponent; the first ones are the least and the largest."""
    scales = torch.randint(116, 124, shape, generator=generator, dtype=torch.int64).to(torch.uint8)
    ends = torch.tensor([0, 1, 2, 254, 253], dtype=torch.uint8)[: scales.numel()]
    scales.view(-1)[: len(ends)] = ends
    return scales.view(torch.float8_e8m0fnu)


# The Bridge takes scales of a row, of an equal part of a row and of 128 rows too.
FORMS = {"wq_a": lambda rows, _: (rows,), "wo_a": lambda rows, _: (rows, 2), "wo_b": lambda rows, _: ((rows + 127) // 128,)}


def float8(name, values, powers, generator):
    """Random e4m3 with its scales: powers of two are for 128 x 128 elements, as released; others take every form."""
    rows, columns = values.shape
    form = None if powers else FORMS.get(name.split(".")[-2])
    shape = form(rows, columns) if form else tuple((n + 127) // 128 for n in values.shape)
    scale = power_scales(shape, generator) if powers else torch.empty(shape).uniform_(0.0001, 0.01, generator=generator)
    return {"weight": (values * 2000).to(torch.float8_e4m3fn), "scale": scale}


def float4(shape, generator):
    """Random e2m1, two a byte, and a scale for every 32 of a row."""
    rows, columns = shape
    packed = torch.randint(0, 256, (rows, columns // 2), generator=generator, dtype=torch.int64).to(torch.uint8).view(torch.int8)
    return {"weight": packed, "scale": power_scales((rows, columns // 32), generator)}


WHOLE = ("embed", "head", "norm", "gate", "weights_proj", "compressor")


def stored(name, shape, c, scheme, generator):
    """The tensors that hold one weight."""
    if name.endswith("tid2eid"):
        table = torch.randint(0, c["n_routed_experts"], shape, generator=generator)
        return {name: table if scheme else table.int()}
    values = torch.empty(shape).uniform_(-0.08, 0.08, generator=generator) + float(name.endswith("norm.weight") and len(shape) == 1)
    if name.endswith((".bias", "ape", "attn_sink")) or "hc_" in name:
        return {name: values}
    whole = scheme is None or len(shape) == 1 or any(part in WHOLE for part in name.split("."))
    if whole:
        return {name: values.bfloat16()}
    at = name.removesuffix("weight")
    routed = ".experts." in name
    parts = float4(shape, generator) if scheme == "float4" and routed else float8(name, values, scheme == "float4", generator)
    return {f"{at}{part}": tensor for part, tensor in parts.items()}


def make(folder, keys, scheme):
    generator = torch.Generator().manual_seed(zlib.crc32(os.path.basename(folder).encode()))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    config = {key: value for key, value in keys.items() if value is not None}
    tensors = {}
    for name, shape in names(config):
        tensors |= stored(name, shape, config, scheme, generator)
    save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})
    with open(f"{folder}/config.json", "w") as file:
        json.dump({"architectures": ["DeepseekV4ForCausalLM"], "model_type": "deepseek_v4", **config}, file, indent=1)
    tokenizer(folder)


def chance(seed):
    """A random configuration and how its weights are stored."""
    r = random.Random(seed)
    layers, predicted, groups = r.randint(1, 4), r.choice([0, 0, 1, 1, 2]), r.choice([1, 2, 3])
    scheme = r.choice([None, None, "float8", "float4"])
    c = dict(
        BASE, num_hidden_layers=layers, num_nextn_predict_layers=predicted, o_groups=groups, num_attention_heads=groups * r.choice([1, 2, 4]),
        head_dim=r.choice([16, 24]), qk_rope_head_dim=r.choice([4, 8]), hidden_size=r.choice([32, 64, 160] if scheme == "float4" else [24, 40, 144]),
        moe_intermediate_size=32 if scheme == "float4" else r.choice([16, 24]), n_routed_experts=r.choice([2, 4, 5]), num_experts_per_tok=r.choice([1, 2]),
        n_shared_experts=r.choice([1, 2]), hc_mult=r.choice([2, 3, 4]), hc_sinkhorn_iters=r.choice([3, 20]), num_hash_layers=r.randint(0, layers), o_lora_rank=r.choice([4, 8]),
        q_lora_rank=r.choice([8, 24]), index_n_heads=r.choice([1, 2, 3]), index_head_dim=r.choice([4, 8]), index_topk=r.choice([4, 512]), vocab_size=r.choice([64, 77, 130]),
        sliding_window=r.choice([16, 128]), swiglu_limit=r.choice([10.0, 7.0, 0.0]), tie_word_embeddings=r.choice([False, False, True]),
        compress_ratios=[r.choice([0, 4, 128]) for _ in range(layers + r.choice([0, predicted]))], rope_scaling=dict(YARN, factor=r.choice([4, 16.0])),
        rope_theta=r.choice([10000, 500000.0]), scoring_func=r.choice(["sqrtsoftplus", "sigmoid"]), norm_topk_prob=r.choice([True, False]),
        routed_scaling_factor=r.choice([1.5, 2.5]), initializer_range=r.choice([0.02, 0.006]), attention_bias=r.choice([False, False, True]), rms_norm_eps=r.choice([1e-6, 1e-5]),
    )
    for key in ("attention_dropout", "hc_sinkhorn_iters", "initializer_range", "max_position_embeddings", "rope_theta", "scoring_func", "num_hash_layers", "norm_topk_prob", "routed_scaling_factor", "swiglu_limit", "torch_dtype"):
        if r.random() < 0.12:
            c[key] = 3 if key == "num_hash_layers" else None
    if scheme:
        c["quantization_config"] = FLOAT8
    return c, scheme


if __name__ == "__main__":
    if sys.argv[1] == "--random":
        first = int(os.environ.get("SEED", "0"))
        for seed in range(first, first + int(sys.argv[3])):
            make(os.path.join(sys.argv[2], f"deepseek-v4-{seed}"), *chance(seed))
    else:
        for name in sys.argv[2:] or SOURCES:
            make(os.path.join(sys.argv[1], name), *SOURCES[name])
