"""Make random small checkpoints of the text families: every key of config.json that a family reads, varied or left out.

    python invent_random.py OUT COUNT [FAMILY...]     # OUT/<family>-<seed>/, seeds counted from SEED (environment, default 0)

A seed makes the same checkpoint each time. STRICT=1 writes whole numbers as fractions where transformers 5 wants a fraction.
ODD=1 writes config.json as published ones are at times: nulls, keys of other tools, rotary parameters under newer names.
Needs torch, transformers, safetensors and tokenizers.
"""
import json
import os
import random
import shutil
import sys
import zlib

import torch
import transformers as T
from safetensors.torch import save_file

import invent_hybrid_sources
import raw_sources
from invent_sources import tokenizer

ABSENT = object()
FRACTIONS = ("attention_dropout", "initializer_range", "routed_scaling_factor", "attn_logit_softcapping", "final_logit_softcapping", "factor", "beta_fast", "beta_slow", "rope_theta", "rope_local_base_freq")
HEADLESS = ("Llama", "Mistral", "Qwen2", "Qwen3", "Qwen3Moe", "Nemotron", "Mixtral", "Qwen2Moe", "Gemma", "Gemma2", "Gemma3Text")
FAMILIES = {}


def family(make):
    FAMILIES[make.__name__] = make
    return make


def known(values):
    return {key: value for key, value in values.items() if value is not ABSENT}


def ropes(r):
    """Values of rope_scaling, as checkpoints have them."""
    return r.choice([
        ABSENT, ABSENT, None,
        {"rope_type": "linear", "factor": 4.0},
        {"type": "linear", "factor": 2},
        {"type": "dynamic", "factor": 2.0},
        {"rope_type": "llama3", "factor": r.choice([8.0, 32.0, 16]), "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
        {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32},
        {"type": "yarn", "factor": 8.0, "original_max_position_embeddings": 16, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 0.707},
        {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 32, "beta_fast": 16.0, "truncate": r.choice([True, False])},
        {"rope_type": "default"},
    ])


def sizes(r, heads=(1, 2, 4, 6)):
    """The keys of every decoder."""
    count = r.choice(heads)
    groups = r.choice([n for n in (1, 2, 3, 4, 6) if count % n == 0])
    return dict(
        vocab_size=r.choice([64, 72, 77, 100, 128, 130, 257, 384]),
        hidden_size=count * r.choice([8, 12, 16]),
        num_hidden_layers=r.choice([1, 2, 3, 4]),
        num_attention_heads=count,
        num_key_value_heads=groups,
        max_position_embeddings=r.choice([64, 128, 4096]),
        rms_norm_eps=r.choice([ABSENT, 1e-5, 1e-6, 1e-12, 0.00001]),
        initializer_range=r.choice([ABSENT, 0.02, 0.006, 0.041666666666666664, 1]),
        attention_dropout=r.choice([ABSENT, 0.0, 0, 0.1]),
        rope_theta=r.choice([ABSENT, 10000, 10000.0, 500000.0, 1000000, 5e6, 1e6]),
        rope_scaling=ropes(r),
        tie_word_embeddings=r.choice([ABSENT, True, False, False]),
        intermediate_size=r.choice([20, 32, 40, 37, 64]),
        use_cache=r.choice([ABSENT, True, False]),
        bos_token_id=r.choice([ABSENT, 1]),
        eos_token_id=r.choice([ABSENT, 2, [2, 3]]),
        pad_token_id=r.choice([ABSENT, None, 0]),
    )


def act(r, *usual):
    return r.choice([ABSENT, *usual * 4, "silu", "gelu", "relu", "gelu_pytorch_tanh", "relu2", "tanh"])


def foreign(r):
    """Keys that this family's class does not have, and that the Bridge copies all the same."""
    choices = [
        {"use_qk_norm": False}, {"hidden_dropout": 0.1}, {"partial_rotary_factor": 0.5}, {"aux_loss_alpha": 0.01},
        {"scoring_func": "sigmoid"}, {"routed_scaling_factor": 2.5}, {"num_experts_per_tok": 2}, {"n_group": 1, "topk_group": 1},
        {"moe_intermediate_size": 16}, {"head_dim": 16}, {"custom": {"a": [1, None]}}, {"sliding_window": 32}, {"layer_types": None},
        {"pretraining_tp": 1}, {"mlp_bias": False}, {"attention_bias": False}, {"quantization_config": None}, {"ep_size": 1},
        {"kv_lora_rank": 8}, {"q_lora_rank": 8}, {"v_head_dim": 8}, {"qk_rope_head_dim": 4}, {"qk_nope_head_dim": 4},
        {"num_nextn_predict_layers": 0}, {"mtp_num_hidden_layers": 0}, {"router_aux_loss_coef": 0.02}, {"rotary_percent": 0.5},
        {"rope_local_base_freq": 10000.0}, {"norm_eps": 1e-4}, {"layer_norm_epsilon": 1e-4}, {"_name_or_path": "somewhere/else"},
        {"n_shared_experts": 1}, {"first_k_dense_replace": 1}, {"full_attention_interval": 2},
    ]
    out = {}
    while r.random() < 0.3:
        out |= r.choice(choices)
    return out


NULLS = ("rope_scaling", "sliding_window", "head_dim", "pad_token_id", "bos_token_id", "eos_token_id", "quantization_config", "layer_types", "rope_parameters", "num_key_value_heads", "attention_bias", "hidden_act", "use_cache", "tie_word_embeddings", "n_group", "norm_topk_prob", "max_window_layers", "q_lora_rank", "moe_layer_freq", "routed_scaling_factor", "decoder_sparse_step", "mlp_only_layers", "initializer_range", "attention_dropout")
TOOLS = [
    {"transformers.js_config": {"dtype": "q4", "kv_cache_dtype": {"q4f16": "float16"}}}, {"unsloth_fixed": True, "unsloth_version": "2025.9.1"}, {"is_llama_config": True, "rope_interleaved": False},
    {"use_mrope": False}, {"dual_chunk_attention_config": {"chunk_size": 262144, "local_size": 8192, "original_max_position_embeddings": 262144}}, {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "label2id": {"LABEL_0": 0, "LABEL_1": 1}},
    {"transformers_version": "4.33.0.dev0"}, {"transformers_version": "5.1.0"}, {"_attn_implementation": "flash_attention_2"}, {"_flash_attn_2_enabled": True}, {"model_max_length": 8192}, {"output_attentions": False, "output_hidden_states": False},
    {"is_decoder": True}, {"use_flash_attn": True, "use_dynamic_ntk": True}, {"num_labels": 1}, {"task_specific_params": {"text-generation": {"do_sample": True}}}, {"problem_type": None}, {"architectures_note": None}, {"torchscript": False},
    {"rope_ratio": 1.0}, {"original_max_position_embeddings": 32}, {"max_sequence_length": 4096}, {"rope_theta_scale": 1}, {"hidden_activation": None}, {"mamba2": {}}, {"num_experts_per_token": 2}, {"loss_function": "x"}, {"temperature": 0.6, "top_p": 0.95, "do_sample": True},
]


def odd(r, c):
    """The same configuration as published ones are at times."""
    out = dict(c)
    while r.random() < 0.5:
        out[r.choice(NULLS)] = None
    while r.random() < 0.5:
        out |= r.choice(TOOLS)
    if r.random() < 0.2:
        out["rope_scaling"] = r.choice([
            {"type": "longrope", "long_factor": [1.0, 2.0], "short_factor": [1.0, 1.5], "original_max_position_embeddings": 32}, {"rope_type": "longrope", "factor": 4.0, "long_factor": [1.0] * 4, "short_factor": [1.0] * 4},
            {"type": "su", "long_factor": [1.0], "short_factor": [1.0]}, {"type": "ntk", "factor": 2.0}, {"rope_type": "dynamic", "factor": 2, "original_max_position_embeddings": 32}, {"factor": 2.0}, {},
            {"rope_type": "yarn", "type": "yarn", "factor": 40, "original_max_position_embeddings": 32, "attention_factor": 1.2, "beta_fast": 32, "beta_slow": 1}, {"type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
            {"type": "linear", "rope_type": "linear", "factor": 4.0}, {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 32, "mscale": 1, "mscale_all_dim": 0, "extrapolation_factor": 1},
        ])
    if r.random() < 0.3:
        rope = {"rope_theta": out.pop("rope_theta", 10000.0), "rope_type": "default"}
        scaling = out.pop("rope_scaling", None)
        out["rope_parameters"] = {**rope, **(scaling or {})}
        if "partial_rotary_factor" in out and r.random() < 0.5:
            out["rope_parameters"]["partial_rotary_factor"] = out["partial_rotary_factor"]
        if r.random() < 0.3:
            out["rope_theta"] = out["rope_parameters"]["rope_theta"]
    return out


@family
def llama(r):
    c = sizes(r)
    c |= dict(
        hidden_act=act(r, "silu"), attention_bias=r.choice([ABSENT, False, False, False, True]), mlp_bias=r.choice([ABSENT, False, False, True]),
        head_dim=r.choice([ABSENT, ABSENT, None, 8, 16, 10]), pretraining_tp=r.choice([ABSENT, 1]),
    )
    if r.random() < 0.2:
        c["num_key_value_heads"] = ABSENT
    return "Llama", c


@family
def mistral(r):
    c = sizes(r)
    c |= dict(hidden_act=act(r, "silu"), head_dim=r.choice([ABSENT, None, 8, 16]), sliding_window=r.choice([ABSENT, None, 16, 4096]))
    return "Mistral", c


@family
def ministral(r):
    return mistral(r)


@family
def qwen2(r):
    c = sizes(r)
    c |= dict(
        hidden_act=act(r, "silu"), use_sliding_window=r.choice([ABSENT, False, True]), sliding_window=r.choice([ABSENT, 16, None]),
        max_window_layers=r.choice([ABSENT, 1, 28]), head_dim=r.choice([ABSENT, ABSENT, ABSENT, 8]),
    )
    if r.random() < 0.2:
        c["num_key_value_heads"] = c["num_attention_heads"]
    return "Qwen2", c


@family
def qwen3(r):
    _, c = qwen2(r)
    c |= dict(head_dim=r.choice([8, 16, 24]), attention_bias=r.choice([ABSENT, False]))
    return "Qwen3", c


def experts(r, name="num_experts", least=2):
    count = r.choice([n for n in (2, 3, 4, 5, 8) if n >= least])
    return {name: count, "num_experts_per_tok": r.choice([1, 2, 2, 2, min(3, count), count])}


@family
def qwen3_moe(r):
    _, c = qwen3(r)
    c |= experts(r)
    c |= dict(
        moe_intermediate_size=r.choice([8, 12, 16, 20]), decoder_sparse_step=r.choice([ABSENT, 1, 1, 1, 2]),
        mlp_only_layers=r.choice([ABSENT, [], [], [0]]), norm_topk_prob=r.choice([ABSENT, True, False]),
        router_aux_loss_coef=r.choice([ABSENT, 0.001, 0.02, 0.0]), output_router_logits=r.choice([ABSENT, False]),
    )
    return "Qwen3Moe", c


@family
def qwen2_moe(r):
    _, c = qwen2(r)
    c |= experts(r)
    c |= dict(
        moe_intermediate_size=r.choice([8, 12, 16, 20]), shared_expert_intermediate_size=r.choice([16, 20]),
        decoder_sparse_step=r.choice([ABSENT, 1, 1, 1, 2]), mlp_only_layers=r.choice([ABSENT, [], [], [0]]),
        norm_topk_prob=r.choice([ABSENT, True, False]), router_aux_loss_coef=r.choice([ABSENT, 0.001, 0.02]),
    )
    return "Qwen2Moe", c


@family
def qwen3_next(r):
    _, c = qwen3(r)
    layers = r.choice([1, 2, 3, 4, 5])
    keys = r.choice([1, 2])
    c |= experts(r)
    c |= dict(
        num_hidden_layers=layers, moe_intermediate_size=r.choice([8, 12]), shared_expert_intermediate_size=r.choice([8, 16]),
        linear_num_key_heads=keys, linear_num_value_heads=keys * r.choice([1, 2]), linear_key_head_dim=r.choice([8, 16]),
        linear_value_head_dim=r.choice([8, 16]), linear_conv_kernel_dim=r.choice([ABSENT, 4, 2]),
        full_attention_interval=r.choice([ABSENT, 4, 2, 1]), partial_rotary_factor=r.choice([ABSENT, 0.25, 0.5]),
        norm_topk_prob=r.choice([ABSENT, True, False]), router_aux_loss_coef=r.choice([ABSENT, 0.002]),
        decoder_sparse_step=r.choice([ABSENT, 1]), mlp_only_layers=r.choice([ABSENT, []]),
    )
    if c["full_attention_interval"] is ABSENT and r.random() < 0.5:
        c["layer_types"] = [("full_attention" if (i + 1) % 4 == 0 else "linear_attention") for i in range(layers)]
    return "Qwen3Next", c


@family
def nemotron(r):
    c = sizes(r)
    c |= dict(
        rms_norm_eps=ABSENT, norm_eps=r.choice([ABSENT, 1e-5, 1e-6]), hidden_act=r.choice([ABSENT, "relu2", "relu2", "silu"]),
        partial_rotary_factor=r.choice([ABSENT, 0.5, 0.25, 1.0]), head_dim=r.choice([ABSENT, 8, 16]),
        mlp_bias=r.choice([ABSENT, False]), attention_bias=r.choice([ABSENT, False]), rope_scaling=r.choice([ABSENT, None]),
    )
    if r.random() < 0.2:
        c["num_key_value_heads"] = ABSENT
    return "Nemotron", c


@family
def gemma(r):
    c = sizes(r)
    c |= dict(
        head_dim=r.choice([8, 16, 24]), hidden_act=act(r, "gelu", "gelu_pytorch_tanh"), hidden_activation=r.choice([ABSENT, None, "gelu_pytorch_tanh"]),
        attention_bias=r.choice([ABSENT, False]), tie_word_embeddings=r.choice([ABSENT, ABSENT, True, False]),
    )
    return "Gemma", c


@family
def gemma2(r):
    _, c = gemma(r)
    c |= dict(
        hidden_act=r.choice([ABSENT, "gelu_pytorch_tanh", "gelu"]), query_pre_attn_scalar=r.choice([ABSENT, 256, 224, 24, 16.0]),
        sliding_window=r.choice([ABSENT, 16, 4096]), attn_logit_softcapping=r.choice([ABSENT, 50.0, None, 30]),
        final_logit_softcapping=r.choice([ABSENT, 30.0, None]), cache_implementation=r.choice([ABSENT, "hybrid"]),
    )
    c["hidden_activation"] = r.choice([ABSENT, "gelu_pytorch_tanh"])
    return "Gemma2", c


@family
def gemma3(r):
    _, c = gemma2(r)
    layers = c["num_hidden_layers"] = r.choice([1, 2, 6, 7])
    c |= dict(
        attn_logit_softcapping=r.choice([ABSENT, None]), final_logit_softcapping=r.choice([ABSENT, None]), query_pre_attn_scalar=r.choice([ABSENT, 256, 168]),
        rope_local_base_freq=r.choice([ABSENT, 10000, 10000.0, 20000.0]), rope_theta=r.choice([ABSENT, 1000000, 1e6, 500000.0]),
        rope_scaling=r.choice([ABSENT, None, {"rope_type": "linear", "factor": 8.0}, {"rope_type": "linear", "factor": 2}]),
    )
    kind = r.choice(["none", "pattern", "types"])
    if kind == "pattern":
        c["sliding_window_pattern"] = r.choice([6, 2])
    if kind == "types":
        c["layer_types"] = ["full_attention" if (i + 1) % 6 == 0 else "sliding_attention" for i in range(layers)]
    return "Gemma3Text", c


@family
def gpt_oss(r):
    c = sizes(r, heads=(2, 4))
    c |= experts(r, "num_local_experts")
    c |= dict(
        head_dim=r.choice([ABSENT, 8, 16, 32]), intermediate_size=r.choice([32, 24, 64]), sliding_window=r.choice([ABSENT, 16, 128]),
        attention_bias=r.choice([ABSENT, True]), hidden_act=r.choice([ABSENT, "silu"]), router_aux_loss_coef=r.choice([ABSENT, 0.9]),
        swiglu_limit=r.choice([ABSENT, 7.0]), experts_per_token=r.choice([ABSENT, 2]), tie_word_embeddings=r.choice([ABSENT, False]),
        initial_context_length=r.choice([ABSENT, 4096]), output_router_logits=r.choice([ABSENT, False]),
        rope_scaling=r.choice([ABSENT, {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0, "original_max_position_embeddings": 4096, "truncate": False}, {"rope_type": "yarn", "factor": 16.0, "original_max_position_embeddings": 64, "mscale": 1.0}, {"rope_type": "linear", "factor": 2.0}, None]),
    )
    if r.random() < 0.4:
        c |= {"hidden_size": 64, "intermediate_size": r.choice([32, 64]), "num_attention_heads": 4, "num_key_value_heads": r.choice([1, 2, 4]), "fourBit": True}
    return "GptOss", c


def latent(r):
    c = sizes(r)
    count = r.choice([2, 4, 8])
    groups = r.choice([1, 1, 2])
    layers = c["num_hidden_layers"]
    c |= dict(
        num_key_value_heads=r.choice([c["num_attention_heads"], c["num_attention_heads"], ABSENT]),
        q_lora_rank=r.choice([12, 16, 24, 20, 8, 12, None]), kv_lora_rank=r.choice([8, 16, 20]), qk_nope_head_dim=r.choice([8, 12]),
        qk_rope_head_dim=r.choice([4, 8]), v_head_dim=r.choice([8, 12, 16]),
        n_routed_experts=count, n_shared_experts=r.choice([1, 2]), num_experts_per_tok=r.choice([1, 2]), moe_intermediate_size=r.choice([8, 12, 16]),
        first_k_dense_replace=r.choice([0, 1, layers]), n_group=groups, topk_group=r.choice([1, groups]),
        norm_topk_prob=r.choice([ABSENT, True, False]), routed_scaling_factor=r.choice([ABSENT, 1.0, 2.5, 16, 2.827]),
        moe_layer_freq=r.choice([ABSENT, 1]), seq_aux=r.choice([ABSENT, True]), aux_loss_alpha=r.choice([ABSENT, 0.001, 0.0001]),
        attention_bias=r.choice([ABSENT, False]), hidden_act=r.choice([ABSENT, "silu"]), tie_word_embeddings=r.choice([ABSENT, False]),
        ep_size=r.choice([ABSENT, 1]), pretraining_tp=r.choice([ABSENT, 1]),
        rope_scaling=r.choice([ABSENT, None, {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0}, {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 16, "beta_slow": 2, "mscale": 0.707, "mscale_all_dim": 0.707}]),
    )
    if r.random() < 0.3:
        c["auto_map"] = "remote"
    return c


@family
def deepseek_v2(r):
    c = latent(r)
    c |= dict(topk_method=r.choice([ABSENT, "greedy", "group_limited_greedy"]), scoring_func=r.choice([ABSENT, "softmax"]))
    return "DeepseekV2", c


@family
def deepseek_v3(r):
    c = latent(r)
    c |= dict(topk_method=r.choice([ABSENT, "noaux_tc"]), scoring_func=r.choice([ABSENT, *["sigmoid"] * 6]), num_nextn_predict_layers=r.choice([ABSENT, 0, 1, 1, 2]))
    if r.random() < 0.9:
        c["num_key_value_heads"] = c["num_attention_heads"]
    return "DeepseekV3", c


@family
def glm4_moe(r):
    c = sizes(r)
    groups = r.choice([1, 1, 2])
    c |= experts(r, "n_routed_experts", 2 * groups)
    if groups == 2:
        c["n_routed_experts"] = r.choice([4, 8])
    c |= dict(
        head_dim=r.choice([ABSENT, 8, 16]), n_shared_experts=1, moe_intermediate_size=r.choice([8, 12, 16]),
        first_k_dense_replace=r.choice([0, 1, c["num_hidden_layers"]]), attention_bias=r.choice([ABSENT, True, False]), use_qk_norm=r.choice([ABSENT, True, False]),
        partial_rotary_factor=r.choice([ABSENT, 0.5, 1.0]), n_group=groups, topk_group=r.choice([1, groups]), norm_topk_prob=r.choice([ABSENT, True]),
        routed_scaling_factor=r.choice([ABSENT, 1.0, 2.5]), num_nextn_predict_layers=r.choice([ABSENT, 0, 1, 2]), hidden_act=r.choice([ABSENT, "silu"]),
        tie_word_embeddings=r.choice([ABSENT, False]),
    )
    return "Glm4Moe", c


@family
def olmoe(r):
    c = sizes(r)
    c |= experts(r)
    c |= dict(
        clip_qkv=r.choice([ABSENT, None, 8.0]), norm_topk_prob=r.choice([ABSENT, False, True]), router_aux_loss_coef=r.choice([ABSENT, 0.01, 0.02]),
        hidden_act=act(r, "silu"), attention_bias=r.choice([ABSENT, False]), tie_word_embeddings=r.choice([ABSENT, False]),
        num_key_value_heads=r.choice([ABSENT, c["num_attention_heads"], c["num_key_value_heads"]]),
    )
    return "Olmoe", c


@family
def mixtral(r):
    c = sizes(r)
    c |= experts(r, "num_local_experts")
    c |= dict(hidden_act=r.choice([ABSENT, "silu"]), head_dim=r.choice([ABSENT, None, 8, 16]), sliding_window=r.choice([ABSENT, None, 4096]), router_aux_loss_coef=r.choice([ABSENT, 0.02]))
    return "Mixtral", c


@family
def nemotron_h(r):
    layers = r.choice([2, 3, 5, 7])
    moe = r.random() < 0.5
    pattern = "".join(r.choice("MM*E" if moe else "MM*-") for _ in range(layers))
    if moe and r.random() < 0.2:
        pattern += "-"
    heads = r.choice([2, 4])
    mamba = r.choice([2, 4, 8])
    c = dict(
        invent_hybrid_sources.BASE, vocab_size=r.choice([64, 72, 77, 256]), hidden_size=r.choice([16, 32, 48]), intermediate_size=r.choice([20, 40]),
        num_attention_heads=heads, num_key_value_heads=r.choice([n for n in (1, 2, 4) if heads % n == 0]), head_dim=r.choice([8, 16]),
        mamba_num_heads=mamba, mamba_head_dim=r.choice([4, 8]), n_groups=r.choice([n for n in (1, 2, 4) if mamba % n == 0]),
        ssm_state_size=r.choice([4, 8, 16]), conv_kernel=4, hybrid_override_pattern=pattern, num_hidden_layers=len(pattern),
        layer_norm_epsilon=r.choice([1e-5, 1e-6, ABSENT]), residual_in_fp32=r.choice([True, False, ABSENT]), initializer_range=r.choice([ABSENT, 0.02, 0.0173]),
        use_conv_bias=r.choice([ABSENT, True]), mamba_proj_bias=r.choice([ABSENT, False]), tie_word_embeddings=r.choice([ABSENT, False, True]),
        rope_theta=r.choice([ABSENT, 10000]), expand=r.choice([ABSENT, 2]), max_position_embeddings=r.choice([64, 8192]),
        rescale_prenorm_residual=r.choice([ABSENT, True]), num_logits_to_keep=r.choice([ABSENT, 1]), partial_rotary_factor=r.choice([ABSENT, ABSENT, 1.0]),
        norm_eps=r.choice([ABSENT, 1e-5]), rms_norm_eps=r.choice([ABSENT, ABSENT, 1e-5]), hidden_act=r.choice([ABSENT, ABSENT, "silu"]),
        mamba_hidden_act=r.choice([ABSENT, "silu"]), sliding_window=r.choice([ABSENT, None]), chunk_size=r.choice([ABSENT, 128]),
    )
    if moe:
        groups = r.choice([1, 1, 2])
        c |= dict(
            n_routed_experts=r.choice([4, 8]) if groups == 2 else r.choice([2, 3, 4]), n_shared_experts=r.choice([1, 2]), num_experts_per_tok=2,
            moe_intermediate_size=r.choice([8, 12]), moe_shared_expert_intermediate_size=r.choice([16, 20]), n_group=groups, topk_group=r.choice([1, groups]),
            norm_topk_prob=r.choice([ABSENT, True]), routed_scaling_factor=r.choice([ABSENT, 2.5, 1.0]), moe_shared_expert_overlap=r.choice([ABSENT, True, False]),
        )
    return "NemotronH", c


@family
def deci(r):
    return "DeciLM", None


def strict(values):
    return {key: float(value) if key in FRACTIONS and type(value) is int else strict(value) if type(value) is dict else value for key, value in values.items()}


def predict(tensors, c, r):
    """Multi-token prediction layers like the decoder's last one, behind it in the same numbering."""
    layers, hidden = c["num_hidden_layers"], c["hidden_size"]
    for depth in range(c.get("num_nextn_predict_layers") or 0):
        last, own = f"model.layers.{layers - 1}.", f"model.layers.{layers + depth}."
        for name in [name for name in tensors if name.startswith(last)]:
            tensors[name.replace(last, own)] = list(tensors[name])
        for name, shape in {"enorm": [hidden], "hnorm": [hidden], "shared_head.norm": [hidden], "eh_proj": [hidden, 2 * hidden]}.items():
            tensors[f"{own}{name}.weight"] = shape
        if r.random() < 0.7:
            tensors[f"{own}embed_tokens.weight"] = list(tensors["model.embed_tokens.weight"])
            tensors[f"{own}shared_head.head.weight"] = list(tensors["lm_head.weight"])


def class_shapes(name, c):
    config = getattr(T, f"{name}Config")(**{key: value for key, value in c.items() if key not in ("auto_map", "fourBit")})
    with torch.device("meta"):
        model = getattr(T, f"{name.removesuffix('Text')}ForCausalLM")(config)
    return {key: list(value.shape) for key, value in model.state_dict().items()}, config


def hybrid_shapes(c):
    table, hidden = [c["vocab_size"], c["hidden_size"]], c["hidden_size"]
    out = {"backbone.embeddings.weight": table, "backbone.norm_f.weight": [hidden], "lm_head.weight": table}
    for i, kind in enumerate(c["hybrid_override_pattern"]):
        out |= invent_hybrid_sources.layer(c, f"backbone.layers.{i}", kind)
    return out


def fill(shapes, r, seed):
    """Random values in the dtypes that checkpoints mix."""
    generator = torch.Generator().manual_seed(seed)
    main = r.choice(["bfloat16", "bfloat16", "bfloat16", "float32", "float16"])
    mixed = r.random() < 0.2
    out = {}
    for name, shape in shapes.items():
        values = torch.empty(shape).uniform_(-0.08, 0.08, generator=generator) + (1 if "norm" in name and len(shape) == 1 else 0)
        if "correction_bias" in name:
            out[name] = values.bfloat16().float()
        else:
            out[name] = values.to(getattr(torch, r.choice(["bfloat16", "float16", "float32"]) if mixed else main))
    return out, main


def shard(folder, tensors, r):
    names = list(tensors)
    kind = r.choice(["one", "one", "one with index", "many", "many", "shuffled"])
    if kind == "shuffled":
        r.shuffle(names)
    if kind.startswith("one"):
        files = {"model.safetensors": names}
    else:
        count = min(len(names), r.choice([2, 3, 7]))
        files = {f"model-{i + 1:05d}-of-{count:05d}.safetensors": names[i::count] for i in range(count)}
    for file, own in files.items():
        save_file({name: tensors[name].contiguous() for name in own}, f"{folder}/{file}", metadata={"format": "pt"})
    if kind != "one":
        weights = {name: file for file, own in files.items() for name in own}
        with open(f"{folder}/model.safetensors.index.json", "w") as file:
            json.dump({"metadata": {"total_size": sum(t.nbytes for t in tensors.values())}, "weight_map": weights}, file)


def four_bit(tensors, c, generator):
    for name in [name for name in tensors if name.endswith(("gate_up_proj", "down_proj"))]:
        experts, inputs, outputs = tensors.pop(name).shape
        groups = (experts, outputs, inputs // 32)
        tensors[f"{name}_blocks"] = torch.randint(0, 256, (*groups, 16), generator=generator, dtype=torch.uint8)
        tensors[f"{name}_scales"] = torch.randint(115, 135, groups, generator=generator, dtype=torch.uint8)
    c["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]}


def make(folder, name, seed):
    """Writes folder; returns nothing. Settings that transformers itself refuses are drawn again."""
    r = random.Random(f"{name}-{seed}")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    tokenizer(folder)
    if name == "deci":
        raw_sources.write(folder, "deci", zlib.crc32(f"{name}-{seed}".encode()), r)
        return
    while True:
        kind, c = FAMILIES[name](r)
        c = strict(known(c)) if "STRICT" in os.environ else known(c)
        extra = foreign(r) if r.random() < 0.3 else {}
        c = {**{key: value for key, value in extra.items() if key not in c}, **c}
        if "ODD" in os.environ and kind != "NemotronH":
            c = odd(r, c)
        try:
            if kind == "NemotronH":
                shapes, config = hybrid_shapes(c), None
            else:
                shapes, config = class_shapes(kind, c)
        except Exception:
            continue
        break
    quantized = c.pop("fourBit", False)
    tied = config.tie_word_embeddings if config is not None else c.get("tie_word_embeddings", False)
    head = "lm_head.weight"
    if tied and r.random() < 0.6:
        shapes.pop(head, None)
    if kind in ("DeepseekV3", "Glm4Moe"):
        predict(shapes, c, r)
    if r.random() < 0.1 and kind != "NemotronH":
        for i in range(c["num_hidden_layers"]):
            shapes[f"model.layers.{i}.self_attn.rotary_emb.inv_freq"] = [4]
    tensors, main = fill(shapes, r, zlib.crc32(f"{name}-{seed}".encode()))
    if quantized:
        four_bit(tensors, c, torch.Generator().manual_seed(seed))
    architecture = f"{kind.removesuffix('Text')}ForCausalLM"
    c = {"architectures": [architecture], **({} if kind == "NemotronH" else {"model_type": getattr(T, f"{kind}Config").model_type}), **c}
    if c.get("auto_map") == "remote":
        c["auto_map"] = {"AutoConfig": "configuration_source.Config", "AutoModelForCausalLM": f"modeling_source.{architecture}"}
        # The class of such a repository gives defaults of its own; this one gives none.
        full = config.to_dict()
        c |= {key: full[key] for key in full if key not in c and not key.startswith("_") and key not in ("dtype", "torch_dtype", "head_dim")}
        if kind == "DeepseekV3" and r.random() < 0.5:
            c["model_type"] = "kimi_k2"
        with open(f"{folder}/configuration_source.py", "w") as file:
            file.write(raw_sources.CONFIG.format(model_type=c["model_type"]))
    if kind == "NemotronH":
        with open(f"{folder}/configuration_nemotron_h.py", "w") as file:
            file.write(invent_hybrid_sources.CONFIGURATION)
    if r.random() < 0.15 and config is not None and "auto_map" not in c:
        # As save_pretrained writes it: with every default.
        c = {**config.to_dict(), **c}
    for key in ("dtype", "torch_dtype"):
        c.pop(key, None)
    declared = r.choice([("torch_dtype", main), ("dtype", main), ("torch_dtype", "float32"), ("torch_dtype", "bfloat16"), None])
    if declared is not None:
        c[declared[0]] = declared[1]
    shard(folder, tensors, r)
    with open(f"{folder}/config.json", "w") as file:
        json.dump(c, file, indent=2)


if __name__ == "__main__":
    torch.set_num_threads(1)
    first = int(os.environ.get("SEED", "0"))
    for name in sys.argv[3:] or FAMILIES:
        for seed in range(first, first + int(sys.argv[2])):
            make(os.path.join(sys.argv[1], f"{name}-{seed}"), name, seed)
