"""Invent small Hugging Face checkpoints with random sizes, layer patterns and options, for comparing with the real stack.

    python make_sources.py OUT SEED COUNT FAMILY...     # OUT/<family>-<seed> for COUNT seeds
    python make_sources.py --fixtures OUT [NAME...]     # those of test/fixtures that FIXTURES names, again
    python make_sources.py --list

Run it with the transformers of the stack that is to read them. Weights are random, norms and biases too. Families whose
class transformers lacks are written tensor by tensor, with a configuration class beside them.
"""
import json
import os
import random
import shutil
import sys

import torch
import transformers as T
from safetensors.torch import load_file, save_file

R = random.Random()
KEPT = ("model_type", "dtype", "torch_dtype", "vocab_size")
FAMILIES = {}
# What of test/fixtures this script makes again, byte for byte: the family and the seed (deci-a with the transformers of
# 0.3.1, the rest with those of 0.7.0). Others of its families are older than its choices, and
# are kept with what the real stack made of them.
FIXTURES = {
    "deci-a": ("deci", 22),
    "kimi-k3-a": ("kimi_k3", 2),
    "kimi-k3-b": ("kimi_k3", 5),
    "kimi-k3-mxfp4": ("kimi_k3_mxfp4", 2),
    "llada-a": ("llada", 1),
    "mimo-a": ("mimo", 0),
    "minimax-m3-a": ("minimax_m3", 3),
    "minimax-m3-b": ("minimax_m3", 5),
    "sarvam-a": ("sarvam", 0),
    "step37-a": ("step37", 2),
    "step37-b": ("step37", 6),
}


def family(make):
    FAMILIES[make.__name__] = make
    return make


def pick(*choices):
    return R.choice(choices)


def common(tied=False):
    return dict(
        vocab_size=pick(320, 333, 384, 512, 261),
        max_position_embeddings=pick(128, 256, 4096),
        rms_norm_eps=pick(1e-5, 1e-6),
        initializer_range=pick(0.02, 0.006),
        tie_word_embeddings=tied and pick(True, False),
    )


def yarn():
    return dict(factor=pick(40, 4.0), original_max_position_embeddings=pick(64, 4096), beta_fast=pick(32, 16.0), beta_slow=1)


def old_rope():
    return pick(None, dict(type="yarn", mscale=pick(1.0, 0.707), mscale_all_dim=pick(1.0, 0.707), **yarn()))


def new_rope():
    return pick(dict(rope_theta=pick(1e4, 1e6), rope_type="default"), dict(rope_theta=5e5, rope_type="yarn", **yarn()))


def latent(full_rank=False):
    rank = pick(None, 24, 48) if full_rank else pick(16, 24, 48)
    sizes = dict(kv_lora_rank=pick(16, 32), qk_rope_head_dim=pick(8, 16), qk_nope_head_dim=pick(8, 16, 24), v_head_dim=pick(8, 16, 24))
    return dict(q_lora_rank=rank, **sizes)


def heads(head_dim=True):
    count = pick(2, 4, 8)
    size = dict(head_dim=pick(8, 16)) if head_dim else {}
    return dict(num_attention_heads=count, num_key_value_heads=pick(1, 2, count), **size)


def delta_net():
    keys = pick(1, 2, 4)
    return dict(linear_num_value_heads=keys * pick(1, 2, 3), linear_num_key_heads=keys, linear_key_head_dim=pick(8, 16), linear_value_head_dim=pick(8, 16), linear_conv_kernel_dim=pick(3, 4))


def interval_types(layers, interval):
    return ["linear_attention" if (i + 1) % interval else "full_attention" for i in range(layers)]


def mixture(**names):
    return dict(hidden_size=pick(32, 64), moe_intermediate_size=pick(16, 24, 40), num_experts_per_tok=2, **names)


@family
def deepseek_v2():
    layers = R.randint(1, 4)
    count = pick(2, 4, 8)
    config = T.DeepseekV2Config(intermediate_size=pick(48, 96), num_hidden_layers=layers, num_attention_heads=count, n_routed_experts=pick(4, 6), n_shared_experts=pick(1, 2), first_k_dense_replace=R.randint(0, layers), aux_loss_alpha=pick(0.001, 0.0), n_group=2, topk_group=1, rope_scaling=old_rope(), **mixture(), **latent(), **common())
    return T.DeepseekV2ForCausalLM(config), {}


@family
def deepseek_v3():
    layers = R.randint(1, 4)
    count = pick(2, 4, 8)
    config = T.DeepseekV3Config(intermediate_size=pick(48, 96), num_hidden_layers=layers, num_attention_heads=count, num_key_value_heads=count, n_routed_experts=pick(4, 8), n_shared_experts=pick(1, 2), first_k_dense_replace=R.randint(0, layers), n_group=pick(1, 2), topk_group=1, rope_scaling=old_rope(), **mixture(), **latent(), **common())
    return T.DeepseekV3ForCausalLM(config), dict(scoring_func="sigmoid", **pick({}, dict(aux_loss_alpha=0.002)))


@family
def deepseek_v3_fp8():
    config = T.DeepseekV3Config(vocab_size=128, hidden_size=144, intermediate_size=136, moe_intermediate_size=24, num_hidden_layers=2, first_k_dense_replace=1, num_attention_heads=4, num_key_value_heads=4, q_lora_rank=48, kv_lora_rank=32, qk_rope_head_dim=16, qk_nope_head_dim=32, v_head_dim=40, n_routed_experts=2, n_shared_experts=1, num_experts_per_tok=1, n_group=1, topk_group=1, max_position_embeddings=128)
    block = dict(activation_scheme="dynamic", fmt="e4m3", quant_method="fp8", weight_block_size=[128, 128])
    return T.DeepseekV3ForCausalLM(config), dict(scoring_func="sigmoid", quantization_config=block)


@family
def qwen3_next():
    layers = R.randint(1, 6)
    interval = pick(2, 3, 4)
    config = T.Qwen3NextConfig(intermediate_size=pick(96, 128), shared_expert_intermediate_size=pick(16, 48), num_hidden_layers=layers, num_attention_heads=4, num_key_value_heads=pick(1, 2, 4), head_dim=pick(16, 32), num_experts=pick(4, 6), partial_rotary_factor=pick(0.25, 0.5), layer_types=interval_types(layers, interval), rope_theta=pick(1e4, 5e6), **mixture(), **delta_net(), **common(tied=True))
    return T.Qwen3NextForCausalLM(config), dict(full_attention_interval=interval)


@family
def minimax_m2():
    own = heads()
    config = T.MiniMaxM2Config(hidden_size=pick(32, 64), intermediate_size=pick(16, 40), num_hidden_layers=R.randint(1, 3), num_local_experts=pick(4, 6), num_experts_per_tok=2, router_aux_loss_coef=pick(0.001, 0.01), attention_dropout=pick(0.0, 0.1), rope_parameters=new_rope(), **own, **common(tied=True))
    return T.MiniMaxM2ForCausalLM(config), pick({}, dict(rotary_dim=own["head_dim"] // 2))


@family
def ernie():
    layers = R.randint(1, 4)
    config = T.Ernie4_5_MoeConfig(hidden_size=pick(32, 64), intermediate_size=pick(48, 64), moe_intermediate_size=pick(16, 24), num_hidden_layers=layers, moe_num_experts=pick(4, 6), moe_k=2, moe_num_shared_experts=pick(1, 2), moe_layer_start_index=R.randint(0, layers), moe_layer_end_index=pick(layers - 1, -1), **heads(head_dim=False), **common(tied=True))
    return T.Ernie4_5_MoeForCausalLM(config), {}


@family
def exaone4():
    llama3 = dict(rope_type="llama3", factor=16.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192, rope_theta=1e6)
    config = T.Exaone4Config(hidden_size=pick(32, 64), intermediate_size=pick(48, 64), num_hidden_layers=R.randint(1, 4), sliding_window=64, rope_parameters=pick(new_rope(), llama3), **heads(), **{**common(), "tie_word_embeddings": True})
    return T.Exaone4ForCausalLM(config), {}


@family
def exaone_moe():
    layers = R.randint(2, 4)
    config = T.ExaoneMoeConfig(intermediate_size=pick(48, 64), num_hidden_layers=layers, num_experts=pick(4, 6), num_shared_experts=pick(1, 2), first_k_dense_replace=R.randint(0, layers - 1), sliding_window=64, n_group=1, topk_group=1, rope_parameters=new_rope(), **mixture(), **heads(head_dim=False), **common())
    return T.ExaoneMoeForCausalLM(config), {}


@family
def falcon_h1():
    count = pick(2, 4)
    config = T.FalconH1Config(hidden_size=64, intermediate_size=pick(48, 64), num_hidden_layers=R.randint(1, 3), num_attention_heads=count, num_key_value_heads=pick(1, count), head_dim=pick(8, 16), mamba_d_ssm=128, mamba_n_heads=pick(4, 8), mamba_d_head="auto", mamba_n_groups=pick(1, 2), mamba_d_state=pick(8, 16), mamba_expand=2, mamba_chunk_size=64, mamba_norm_before_gate=False, mamba_rms_norm=pick(True, False), mamba_conv_bias=pick(True, True, False), mamba_d_conv=pick(4, 3), mamba_proj_bias=pick(False, False, True), attention_bias=pick(False, False, True), mlp_bias=pick(False, False, True), **common(tied=True))
    return T.FalconH1ForCausalLM(config), {}


@family
def glm_lite():
    count = pick(2, 4)
    config = T.Glm4MoeLiteConfig(intermediate_size=pick(48, 64), num_hidden_layers=R.randint(1, 4), num_attention_heads=count, num_key_value_heads=count, n_routed_experts=pick(4, 8), n_shared_experts=pick(1, 2), n_group=pick(1, 2), topk_group=1, routed_scaling_factor=pick(1.8, 1.0), rope_parameters=new_rope(), **mixture(), **latent(), **common())
    return T.Glm4MoeLiteForCausalLM(config), {}


@family
def glm_dsa():
    layers = R.randint(1, 4)
    count = pick(2, 4)
    config = T.GlmMoeDsaConfig(intermediate_size=pick(48, 64), num_hidden_layers=layers, num_attention_heads=count, num_key_value_heads=count, n_routed_experts=4, n_shared_experts=1, first_k_dense_replace=R.randint(0, layers), index_topk=8, index_head_dim=pick(16, 32), index_n_heads=pick(2, 4), rope_parameters=dict(rope_theta=1e6, rope_type="default"), **mixture(), **latent(), **common())
    return T.GlmMoeDsaForCausalLM(config), dict(indexer_rope_interleave=True)


@family
def hy_v3():
    config = T.HYV3Config(intermediate_size=pick(48, 64), num_hidden_layers=R.randint(1, 4), num_experts=pick(4, 6), num_shared_experts=pick(1, 2), rope_parameters=new_rope(), **mixture(), **heads(), **common(tied=True))
    return T.HYV3ForCausalLM(config), dict(first_k_dense_replace=1)


@family
def qwen3_5():
    layers = R.randint(1, 6)
    config = T.Qwen3_5TextConfig(hidden_size=pick(32, 64), intermediate_size=pick(48, 64), num_hidden_layers=layers, layer_types=interval_types(layers, pick(2, 4)), attention_bias=pick(False, False, True), rope_parameters=dict(rope_theta=pick(1e4, 1e7), rope_type="default", partial_rotary_factor=pick(0.25, 0.5)), **heads(), **delta_net(), **common(tied=True))
    return T.Qwen3_5ForCausalLM(config), {}


@family
def qwen3_5_moe():
    layers = R.randint(1, 6)
    config = T.Qwen3_5MoeTextConfig(shared_expert_intermediate_size=pick(16, 48), num_experts=pick(4, 6), num_hidden_layers=layers, layer_types=interval_types(layers, pick(2, 4)), **mixture(), **heads(), **delta_net(), **common(tied=True))
    return T.Qwen3_5MoeForCausalLM(config), {}


@family
def gemma4():
    layers = R.randint(1, 8)
    groups, tied = pick(1, 2), pick(True, False)
    types = pick(None, [*(pick("sliding_attention", "full_attention") for _ in range(layers - 1)), "full_attention"])
    shared = R.randint(0, layers - 1)
    size = dict(num_attention_heads=4, num_key_value_heads=groups, num_global_key_value_heads=pick(1, 2) if tied else pick(None, groups), head_dim=pick(8, 16), global_head_dim=pick(16, 32), layer_types=types, num_kv_shared_layers=shared, attention_k_eq_v=tied, use_double_wide_mlp=pick(True, False))
    tokens = dict(vocab_size_per_layer_input=pick(320, 256), hidden_size_per_layer_input=pick(0, 8, 16))
    config = T.Gemma4TextConfig(hidden_size=pick(32, 64), intermediate_size=pick(48, 64), num_hidden_layers=layers, sliding_window=64, final_logit_softcapping=pick(None, 30.0), **size, **tokens, **{**common(tied=True), "vocab_size": pick(256, 384)})
    return T.Gemma4ForCausalLM(config), {}


@family
def gemma4_moe():
    layers = R.randint(1, 8)
    groups, tied = pick(1, 2, 4), pick(True, False)
    types = pick(None, [*(pick("sliding_attention", "full_attention") for _ in range(layers - 1)), "full_attention"])
    size = dict(num_attention_heads=4, num_key_value_heads=groups, num_global_key_value_heads=pick(1, 2) if tied else pick(None, groups), head_dim=pick(8, 16), global_head_dim=pick(16, 32), layer_types=types, attention_k_eq_v=tied)
    mixed = dict(enable_moe_block=True, num_experts=pick(2, 4), top_k_experts=2, **{k: v for k, v in mixture().items() if k != "num_experts_per_tok"})
    config = T.Gemma4TextConfig(intermediate_size=pick(48, 72), num_hidden_layers=layers, sliding_window=64, hidden_size_per_layer_input=0, final_logit_softcapping=pick(None, 30.0), **size, **mixed, **{**common(), "tie_word_embeddings": True})
    return T.Gemma4ForCausalLM(config), {}


@family
def bailing():
    from megatron.bridge.models.bailing.configuration_bailing_moe_v2 import BailingMoeV2Config
    from megatron.bridge.models.bailing.modeling_bailing_moe_v2 import BailingMoeV2ForCausalLM

    layers = R.randint(1, 4)
    config = BailingMoeV2Config(intermediate_size=pick(48, 64), num_hidden_layers=layers, num_experts=pick(4, 8), n_group=2, topk_group=1, first_k_dense_replace=R.randint(0, layers), pad_token_id=1, eos_token_id=2, **mixture(), **heads(), **common())
    return BailingMoeV2ForCausalLM(config), {}


def save_model(out, model, extra, seed):
    generator = torch.Generator().manual_seed(seed)
    model = model.to(torch.bfloat16)
    buffers = [(n, b) for n, b in model.named_buffers() if "inv_freq" not in n and b.is_floating_point()]
    with torch.no_grad():
        for name, param in [*model.named_parameters(), *buffers]:
            value = torch.empty(param.shape).uniform_(-0.08, 0.08, generator=generator)
            param.copy_(value + 1.0 if "norm" in name and name.endswith("weight") else value)
    model.save_pretrained(out, max_shard_size=pick("60KB", "10MB"))
    if "quantization_config" in extra:
        quantize(out, generator)
    path = os.path.join(out, "config.json")
    defaults = type(model.config)().to_dict()
    with open(path) as f:
        written = json.load(f)
    # What a reader's class supplies may be left unsaid.
    thin = {k: v for k, v in written.items() if k not in defaults or defaults[k] != v or k in KEPT or pick(True, False)}
    config = {**thin, **extra}
    with open(path, "w") as f:
        json.dump(config, f, indent=1)


def quantize(out, generator):
    """Projections as float8 with a scale for each block of 128 by 128; all scales in a shard of their own."""
    tensors = {}
    for name in sorted(os.listdir(out)):
        if "safetensors" in name:
            if name.endswith(".safetensors"):
                tensors.update(load_file(os.path.join(out, name)))
            os.remove(os.path.join(out, name))
    scales = {}
    for name, tensor in tensors.items():
        if "_proj" in name and tensor.ndim == 2:
            rows, columns = tensor.shape
            scale = torch.rand((rows + 127) // 128, (columns + 127) // 128, generator=generator) * 0.02 + 0.001
            spread = scale.repeat_interleave(128, 0)[:rows].repeat_interleave(128, 1)[:, :columns]
            tensors[name] = (tensor.float() / spread).clamp(-448, 448).to(torch.float8_e4m3fn)
            scales[f"{name}_scale_inv"] = scale
    weight_map = {}
    for i, part in enumerate((tensors, scales)):
        file = f"model-0000{i + 1}-of-00002.safetensors"
        save_file({k: v.contiguous() for k, v in part.items()}, os.path.join(out, file), metadata={"format": "pt"})
        weight_map.update({name: file for name in part})
    with open(os.path.join(out, "model.safetensors.index.json"), "w") as f:
        json.dump({"metadata": {}, "weight_map": weight_map}, f, indent=1)


def save_tokenizer(out, vocab):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=min(vocab, 300), special_tokens=["<s>", "</s>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(["convert a checkpoint", "0123456789"], trainer)
    T.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>").save_pretrained(out)


def make(target, name, number):
    import raw_newer_sources  # noqa: F401
    import raw_sources
    import raw_vision_sources  # noqa: F401

    R.seed(f"{name}{number}")
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    if name in FAMILIES:
        save_model(target, *FAMILIES[name](), number)
    else:
        raw_sources.write(target, name, number, R)
    with open(os.path.join(target, "config.json")) as f:
        config = json.load(f)
    save_tokenizer(target, config.get("text_config", config)["vocab_size"])


def main(out, seed, count, *names):
    for name in names:
        for number in range(int(seed), int(seed) + int(count)):
            make(os.path.join(out, f"{name}-{number}"), name, number)


def fixtures(out, *names):
    for name in names or FIXTURES:
        make(os.path.join(out, name), *FIXTURES[name])


def families():
    import raw_newer_sources  # noqa: F401
    import raw_sources
    import raw_vision_sources  # noqa: F401

    return sorted([*FAMILIES, *raw_sources.FAMILIES])


if __name__ == "__main__":
    if sys.argv[1] == "--list":
        print(*families(), sep="\n")
    elif sys.argv[1] == "--fixtures":
        fixtures(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
