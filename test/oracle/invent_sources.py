"""Make the small invented checkpoints of test/fixtures: other sizes, groups, experts, ties and biases than the goldens.

    python invent_sources.py test/fixtures [NAME...]

Needs torch, transformers and tokenizers. Every weight is random, norms and biases too.
"""
import json
import os
import shutil
import sys
import zlib

import torch
import transformers as T
from safetensors.torch import load_file, save_file

SIZES = dict(vocab_size=72, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64)
MOE = dict(SIZES, moe_intermediate_size=12, num_experts_per_tok=2)
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 16.0, "beta_slow": 2.0, "mscale": 0.7, "mscale_all_dim": 1.0}
LINEAR = {"rope_type": "linear", "factor": 8.0}
PLAIN_GLM = dict(MOE, head_dim=8, intermediate_size=40, n_routed_experts=3, n_shared_experts=1, n_group=1, topk_group=1)
FOUR_BIT = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]}

# name: model class, configuration, dtype of the weights, then a function that edits the written checkpoint
SOURCES = {
    "gemma-gelu": ("Gemma", dict(SIZES, intermediate_size=40, head_dim=16, hidden_act="gelu", rms_norm_eps=1e-5)),
    "gemma-one-group": ("Gemma", dict(SIZES, intermediate_size=48, head_dim=8, num_key_value_heads=1, num_hidden_layers=3), "float32"),
    "gemma2-odd": ("Gemma2", dict(SIZES, vocab_size=77, intermediate_size=40, head_dim=16, num_hidden_layers=3, query_pre_attn_scalar=24, sliding_window=16)),
    "gemma2-uncapped": ("Gemma2", dict(SIZES, intermediate_size=48, head_dim=8, attn_logit_softcapping=None, final_logit_softcapping=None)),
    "gemma3-local": ("Gemma3Text", dict(SIZES, intermediate_size=40, head_dim=8, num_key_value_heads=1, rope_local_base_freq=20000.0, sliding_window=16, query_pre_attn_scalar=168)),
    "gemma3-scaled": ("Gemma3Text", dict(SIZES, intermediate_size=48, head_dim=16, num_hidden_layers=6, rope_scaling=LINEAR)),
    "glm4-moe-biased": ("Glm4Moe", dict(PLAIN_GLM, num_hidden_layers=3, first_k_dense_replace=2, attention_bias=True, routed_scaling_factor=2.5)),
    "glm4-moe-mtp": ("Glm4Moe", dict(PLAIN_GLM, use_qk_norm=True, first_k_dense_replace=0, num_nextn_predict_layers=2), "bfloat16", "predict"),
    "gpt-oss-mxfp4": ("GptOss", dict(SIZES, intermediate_size=64, head_dim=8, num_local_experts=2, num_experts_per_tok=2), "bfloat16", "quantize"),
    "gpt-oss-square": ("GptOss", dict(SIZES, intermediate_size=32, head_dim=16, num_local_experts=3, num_experts_per_tok=2, sliding_window=16)),
    "llama-linear": ("Llama", dict(SIZES, intermediate_size=40, rope_scaling=LINEAR, tie_word_embeddings=True), "float32"),
    "llama-yarn": ("Llama", dict(SIZES, intermediate_size=48, head_dim=16, rope_scaling=YARN)),
    "mixtral-groups": ("Mixtral", dict(SIZES, intermediate_size=24, num_local_experts=3, num_key_value_heads=4, num_hidden_layers=3)),
    "mixtral-tied": ("Mixtral", dict(SIZES, intermediate_size=16, head_dim=16, num_local_experts=4, tie_word_embeddings=True)),
    "nemotron-sparse-config": ("Nemotron", dict(SIZES, intermediate_size=40, norm_eps=1e-6), "bfloat16", "forget"),
    "nemotron-tied": ("Nemotron", dict(SIZES, intermediate_size=48, head_dim=16, num_key_value_heads=4, tie_word_embeddings=True, partial_rotary_factor=1.0)),
    "olmoe-clipped": ("Olmoe", dict(SIZES, intermediate_size=16, num_key_value_heads=4, num_experts=3, num_experts_per_tok=2, clip_qkv=8.0, num_hidden_layers=3)),
    "olmoe-yarn": ("Olmoe", dict(SIZES, intermediate_size=20, num_key_value_heads=4, num_experts=4, num_experts_per_tok=3, rope_scaling=YARN, router_aux_loss_coef=0.02), "float32"),
    "qwen2-moe-odd": ("Qwen2Moe", dict(MOE, vocab_size=77, intermediate_size=40, num_experts=3, shared_expert_intermediate_size=20)),
    "qwen2-moe-tied": ("Qwen2Moe", dict(MOE, intermediate_size=40, num_experts=4, shared_expert_intermediate_size=16, num_key_value_heads=4, tie_word_embeddings=True)),
    "qwen3-moe-tied": ("Qwen3Moe", dict(MOE, intermediate_size=40, head_dim=16, num_experts=3, norm_topk_prob=True, tie_word_embeddings=True)),
    "qwen3-moe-yarn": ("Qwen3Moe", dict(MOE, intermediate_size=40, head_dim=8, num_experts=5, num_key_value_heads=1, num_hidden_layers=3, rope_scaling=YARN), "float32"),
}


def predict(folder, tensors, config, noise):
    """Multi-token prediction layers like the decoder's last one, behind it in the same numbering."""
    layers, hidden = config["num_hidden_layers"], config["hidden_size"]
    for depth in range(config["num_nextn_predict_layers"]):
        last, own = f"model.layers.{layers - 1}.", f"model.layers.{layers + depth}."
        for name in [name for name in tensors if name.startswith(last)]:
            tensors[name.replace(last, own)] = noise(name, tensors[name].shape).to(tensors[name].dtype)
        for name, shape in {"enorm": [hidden], "hnorm": [hidden], "shared_head.norm": [hidden], "eh_proj": [hidden, 2 * hidden]}.items():
            tensors[f"{own}{name}.weight"] = noise(name, shape).bfloat16()
        tensors[f"{own}embed_tokens.weight"] = tensors["model.embed_tokens.weight"].clone()
        tensors[f"{own}shared_head.head.weight"] = tensors["lm_head.weight"].clone()


def quantize(folder, tensors, config, noise):
    """Experts as random four-bit blocks and scales."""
    config["quantization_config"] = FOUR_BIT
    generator = torch.Generator().manual_seed(1)
    for name in [name for name in tensors if name.endswith(("gate_up_proj", "down_proj"))]:
        experts, inputs, outputs = tensors.pop(name).shape
        groups = (experts, outputs, inputs // 32)
        tensors[f"{name}_blocks"] = torch.randint(0, 256, (*groups, 16), generator=generator, dtype=torch.uint8)
        tensors[f"{name}_scales"] = torch.randint(115, 135, groups, generator=generator, dtype=torch.uint8)


def forget(folder, tensors, config, noise):
    """A config.json that leaves the class defaults unsaid."""
    for key in ("rope_theta", "partial_rotary_factor", "head_dim", "hidden_act", "attention_bias", "mlp_bias", "initializer_range"):
        config.pop(key, None)


def tokenizer(folder):
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["<s>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz"]
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    T.PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>").save_pretrained(folder)


def make(folder, family, settings, dtype="bfloat16", edit=None):
    config = getattr(T, f"{family}Config")(**settings)
    model = getattr(T, f"{family.removesuffix('Text')}ForCausalLM")(config).to(getattr(torch, dtype))
    generator = torch.Generator().manual_seed(zlib.crc32(os.path.basename(folder).encode()))

    def noise(name, shape):
        values = torch.empty(shape).uniform_(-0.08, 0.08, generator=generator)
        return values + 1 if "norm" in name and len(shape) == 1 else values

    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point() and "inv_freq" not in name:
                tensor.copy_(noise(name, tensor.shape))
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    tokenizer(folder)
    with open(f"{folder}/config.json") as file:
        written = json.load(file)
    # The stored dtype is free; the recorded stack converts to the one that config.json names.
    written.pop("dtype", None)
    written["torch_dtype"] = "bfloat16"
    if edit is not None:
        tensors = load_file(f"{folder}/model.safetensors")
        globals()[edit](folder, tensors, written, noise)
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, f"{folder}/model.safetensors", metadata={"format": "pt"})
    with open(f"{folder}/config.json", "w") as file:
        json.dump(written, file, indent=2)
    if os.path.exists(f"{folder}/generation_config.json"):
        os.remove(f"{folder}/generation_config.json")


if __name__ == "__main__":
    for name in sys.argv[2:] or SOURCES:
        make(os.path.join(sys.argv[1], name), *SOURCES[name])
