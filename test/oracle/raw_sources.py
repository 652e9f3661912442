"""Sources of families whose class transformers lacks: tensors by name, and a configuration class for auto_map."""
import json
import os

import torch
from safetensors.torch import save_file

FAMILIES = {}

CONFIG = '''
from transformers.configuration_utils import PretrainedConfig


class Config(PretrainedConfig):
    model_type = "{model_type}"

    def __init__(self, **values):
        base = ("architectures", "auto_map", "torch_dtype", "dtype", "transformers_version", "tie_word_embeddings")
        super().__init__(**{{k: values.pop(k) for k in list(values) if k in base or k.endswith("_token_id")}})
        for key, value in values.items():
            setattr(self, key, value)
'''

# NAS checkpoints keep their blocks as objects, and leave the sizes that differ by layer unset.
HETEROGENEOUS = '''
from types import SimpleNamespace

from transformers import LlamaConfig


class Config(LlamaConfig):
    model_type = "{model_type}"

    def __init__(self, block_configs=None, **values):
        super().__init__(**values)
        self.intermediate_size = None
        self.num_key_value_heads = None
        self.blocks = block_configs
        self.block_configs = None
        if block_configs is not None:
            self.block_configs = [SimpleNamespace(attention=SimpleNamespace(**b["attention"])) for b in block_configs]

    def to_dict(self):
        out = {{k: v for k, v in super().to_dict().items() if k not in ("blocks", "block_configs")}}
        return out if self.blocks is None else {{**out, "block_configs": self.blocks}}
'''


def family(architecture, model_type, code=CONFIG):
    def register(make):
        FAMILIES[make.__name__] = (make, architecture, model_type, code)
        return make

    return register


def write(out, name, seed, random):
    make, architecture, model_type, code = FAMILIES[name]
    generator = torch.Generator().manual_seed(seed)

    def weight(*shape, one=False, dtype=torch.bfloat16):
        value = torch.empty(*shape).uniform_(-0.08, 0.08, generator=generator)
        return (value + 1 if one else value).to(dtype)

    config, tensors = make(lambda *choices: random.choice(choices), weight)
    auto_map = dict(AutoConfig="configuration_source.Config", AutoModelForCausalLM=f"modeling_source.{architecture}")
    head = dict(architectures=[architecture], model_type=model_type, torch_dtype="bfloat16")
    save_file(tensors, os.path.join(out, "model.safetensors"), metadata={"format": "pt"})
    # Transformers has the configuration class of some.
    remote = {} if code is None else dict(auto_map=auto_map)
    with open(os.path.join(out, "config.json"), "w") as f:
        json.dump({**head, **remote, **config}, f, indent=1)
    if code is None:
        return
    with open(os.path.join(out, "configuration_source.py"), "w") as f:
        f.write(code.format(model_type=model_type))


def mlp(tensors, weight, at, width, hidden):
    tensors[f"{at}gate_proj.weight"] = weight(width, hidden)
    tensors[f"{at}up_proj.weight"] = weight(width, hidden)
    tensors[f"{at}down_proj.weight"] = weight(hidden, width)


@family("LLaDAModelLM", "llada")
def llada(pick, weight):
    layers, heads, hidden = pick(1, 2, 3), pick(2, 4), 64
    groups, width, padded = pick(None, 1, 2), pick(48, None), pick(None, 352)
    config = dict(n_layers=layers, d_model=hidden, n_heads=heads, n_kv_heads=groups, mlp_hidden_size=width, mlp_ratio=2, embedding_size=padded, vocab_size=320, max_sequence_length=256, rms_norm_eps=1e-5, rope_theta=500000.0, weight_tying=False, include_bias=False, include_qkv_bias=False, attention_layer_norm=False, residual_dropout=0.0, attention_dropout=0.0)
    keys, rows, size = (groups or heads) * (hidden // heads), padded or 320, width or 2 * hidden
    tensors = {"model.transformer.wte.weight": weight(rows, hidden), "model.transformer.ln_f.weight": weight(hidden, one=True), "model.transformer.ff_out.weight": weight(rows, hidden)}
    for i in range(layers):
        at = f"model.transformer.blocks.{i}."
        for name in ("attn_norm", "ff_norm"):
            tensors[f"{at}{name}.weight"] = weight(hidden, one=True)
        shapes = dict(q_proj=(hidden, hidden), k_proj=(keys, hidden), v_proj=(keys, hidden), attn_out=(hidden, hidden), ff_proj=(size, hidden), up_proj=(size, hidden), ff_out=(hidden, size))
        for name, shape in shapes.items():
            tensors[f"{at}{name}.weight"] = weight(*shape)
    return config, tensors


@family("SarvamMoEForCausalLM", "sarvam_moe")
def sarvam(pick, weight):
    layers, heads, groups, size, hidden, width = pick(1, 2, 3), 4, pick(1, 2, 4), pick(8, 16), 64, pick(48, 64)
    narrow, shared, dense, vocab = pick(16, 24), pick(1, 2), pick(0, 1), pick(320, 333)
    config = dict(num_hidden_layers=layers, hidden_size=hidden, intermediate_size=width, moe_intermediate_size=narrow, num_attention_heads=heads, num_key_value_heads=groups, head_dim=size, num_experts=4, num_experts_per_tok=2, num_shared_experts=shared, first_k_dense_replace=dense, vocab_size=vocab, max_position_embeddings=256, rope_theta=8000000, rms_norm_eps=1e-6, hidden_act="silu")
    tensors = {"model.word_embeddings.weight": weight(vocab, hidden), "model.norm.weight": weight(hidden, one=True), "lm_head.weight": weight(vocab, hidden)}
    for i in range(layers):
        at = f"model.layers.{i}."
        for name, extent in dict(input_layernorm=hidden, post_attention_layernorm=hidden).items():
            tensors[f"{at}{name}.weight"] = weight(extent, one=True)
        tensors[f"{at}attention.query_key_value.weight"] = weight((heads + 2 * groups) * size, hidden)
        tensors[f"{at}attention.dense.weight"] = weight(hidden, heads * size)
        tensors[f"{at}attention.query_layernorm.weight"] = weight(size, one=True)
        tensors[f"{at}attention.key_layernorm.weight"] = weight(size, one=True)
        if i < dense:
            mlp(tensors, weight, f"{at}mlp.", width, hidden)
            continue
        tensors[f"{at}mlp.gate.weight"] = weight(4, hidden)
        tensors[f"{at}mlp.gate.expert_bias"] = weight(4, dtype=torch.float32)
        mlp(tensors, weight, f"{at}mlp.shared_experts.", narrow * shared, hidden)
        for expert in range(4):
            mlp(tensors, weight, f"{at}mlp.experts.{expert}.", narrow, hidden)
    return config, tensors


@family("MiMoForCausalLM", "mimo")
def mimo(pick, weight):
    layers, heads, groups, size, hidden, width = pick(1, 2, 3), 4, pick(1, 2, 4), pick(8, 16), 64, pick(48, 64)
    vocab, depths = pick(320, 333), pick(0, 1)
    config = dict(num_hidden_layers=layers, hidden_size=hidden, intermediate_size=width, num_attention_heads=heads, num_key_value_heads=groups, head_dim=size, vocab_size=vocab, max_position_embeddings=256, rope_theta=640000, rms_norm_eps=1e-5, initializer_range=0.02, hidden_act="silu", attention_bias=True, attention_dropout=0.0, tie_word_embeddings=False, num_nextn_predict_layers=depths, rope_scaling=None)
    tensors = {"model.embed_tokens.weight": weight(vocab, hidden), "model.norm.weight": weight(hidden, one=True), "lm_head.weight": weight(vocab, hidden)}
    places = [f"model.layers.{i}." for i in range(layers)] + [f"model.mtp_layers.{i}." for i in range(depths)]
    for at in places:
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{at}{name}.weight"] = weight(hidden, one=True)
        for name, count in dict(q=heads, k=groups, v=groups).items():
            tensors[f"{at}self_attn.{name}_proj.weight"] = weight(count * size, hidden)
            tensors[f"{at}self_attn.{name}_proj.bias"] = weight(count * size)
        tensors[f"{at}self_attn.o_proj.weight"] = weight(hidden, heads * size)
        mlp(tensors, weight, f"{at}mlp.", width, hidden)
        if "mtp" in at:
            for name in ("token_layernorm", "hidden_layernorm", "final_layernorm"):
                tensors[f"{at}{name}.weight"] = weight(hidden, one=True)
            tensors[f"{at}input_proj.weight"] = weight(hidden, 2 * hidden)
    return config, tensors


@family("DeciLMForCausalLM", "nemotron-nas", HETEROGENEOUS)
def deci(pick, weight):
    layers, heads, size, hidden, vocab = pick(2, 3), pick(4, 8), pick(16, 32), 64, pick(320, 333)
    blocks = []
    for i in range(layers):
        attention = dict(no_op=False, replace_with_linear=False, n_heads_in_group=pick(1, 2, 4))
        ffn = dict(no_op=False, replace_with_linear=False, ffn_mult=pick(0.5, 1.0, 2.625))
        if i and pick(True, False, False):
            attention.update(no_op=True, n_heads_in_group=None)
        if i and pick(True, False, False):
            ffn.update(no_op=True, ffn_mult=None)
        blocks.append(dict(attention=attention, ffn=ffn))
    config = dict(hidden_size=hidden, head_dim=size, intermediate_size=None, num_attention_heads=heads, num_key_value_heads=None, num_hidden_layers=layers, block_configs=blocks, vocab_size=vocab, max_position_embeddings=pick(256, 131072), rms_norm_eps=1e-5, initializer_range=0.02, rope_theta=500000.0, tie_word_embeddings=False, hidden_act="silu")
    if pick(True, False):
        config["rope_scaling"] = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192, rope_type="llama3")
    tensors = {"model.embed_tokens.weight": weight(vocab, hidden), "model.norm.weight": weight(hidden, one=True), "lm_head.weight": weight(vocab, hidden)}
    for i, block in enumerate(blocks):
        at = f"model.layers.{i}."
        if not block["attention"]["no_op"]:
            groups = heads // block["attention"]["n_heads_in_group"]
            tensors[f"{at}input_layernorm.weight"] = weight(hidden, one=True)
            for name, count in dict(q=heads, k=groups, v=groups).items():
                tensors[f"{at}self_attn.{name}_proj.weight"] = weight(count * size, hidden)
            tensors[f"{at}self_attn.o_proj.weight"] = weight(hidden, heads * size)
        if not block["ffn"]["no_op"]:
            width = -(-int(2 * block["ffn"]["ffn_mult"] * hidden / 3) // 256) * 256
            tensors[f"{at}post_attention_layernorm.weight"] = weight(hidden, one=True)
            mlp(tensors, weight, f"{at}mlp.", width, hidden)
    return config, tensors
