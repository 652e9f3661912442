"""Sources of vision-language models whose class transformers lacks, under the names of the published checkpoints."""
import torch

from raw_newer_sources import ends, norms, projections, step35
from raw_sources import family, mlp


NESTED = '''
from transformers.configuration_utils import PretrainedConfig


class TextConfig(PretrainedConfig):
    model_type = "{model_type}_text"

    def __init__(self, **values):
        super().__init__()
        for key, value in values.items():
            setattr(self, key, value)


class Config(PretrainedConfig):
    model_type = "{model_type}"

    def __init__(self, text_config=None, **values):
        self.text_config = TextConfig(**(text_config or {{}}))
        super().__init__(**values)
'''


def layer_norm(tensors, weight, at, size):
    tensors[f"{at}.weight"] = weight(size, one=True)
    tensors[f"{at}.bias"] = weight(size)


def linear(tensors, weight, at, outputs, inputs, bias=True):
    tensors[f"{at}.weight"] = weight(outputs, inputs)
    if bias:
        tensors[f"{at}.bias"] = weight(outputs)


@family("Step3p7ForConditionalGeneration", "step3p7", None)
def step37(pick, weight):
    text, tensors = step35(pick, weight)
    for key in ("rope_scaling", "tie_word_embeddings"):
        text.pop(key)
    text |= dict(model_type="step3p5", torch_dtype="bfloat16", **pick({}, dict(tie_word_embeddings=False)))
    for key in ("zero_centered", "use_qk_norm"):
        if pick(True, False):
            text.pop(key)
    if pick(True, False):
        text["attention_output_gate"] = True
    tensors["lm_head.weight"] = weight(text["vocab_size"], text["hidden_size"])
    width, layers, size, patch, token, posed, before, after = pick(8, 12), pick(1, 2), pick(16, 32), pick(4, 8), pick(False, True), pick(True, True, False), pick(True, True, False), pick(False, True)
    ratio, bias = pick(8960 / 1536, 2.0), pick(False, True)
    eye = dict(model_type="perception_encoder", width=width, layers=layers, heads=2, num_channels=3, image_size=size, patch_size=patch, mlp_ratio=ratio, hidden_act="quick_gelu", layer_norm_eps=1e-5, use_cls_token=token, use_ln_pre=before, use_ln_post=after, use_abs_posemb=posed, use_rope2d=True, ls_init_value=0.1)
    at = "vision_model."
    tensors[f"{at}conv1.weight"] = weight(width, 3, patch, patch)
    if token:
        tensors[f"{at}class_embedding"] = weight(width)
    if posed:
        tensors[f"{at}positional_embedding"] = weight((size // patch) ** 2 + token, width)
    for name in ["ln_pre"] * before + ["ln_post"] * after:
        layer_norm(tensors, weight, f"{at}{name}", width)
    for i in range(layers):
        block = f"{at}transformer.resblocks.{i}."
        for name in ("ln_1", "ln_2"):
            layer_norm(tensors, weight, f"{block}{name}", width)
        tensors[f"{block}attn.in_proj_weight"] = weight(3 * width, width)
        tensors[f"{block}attn.in_proj_bias"] = weight(3 * width)
        linear(tensors, weight, f"{block}attn.out_proj", width, width)
        linear(tensors, weight, f"{block}mlp.c_fc", int(width * ratio), width)
        linear(tensors, weight, f"{block}mlp.c_proj", width, int(width * ratio))
        for name in ("ls_1", "ls_2"):
            tensors[f"{block}{name}.gamma"] = weight(width)
    for i in (1, 2):
        tensors[f"{at}vit_downsampler{i}.weight"] = weight(2**i * width, 2 ** (i - 1) * width, 3, 3)
        tensors[f"{at}vit_downsampler{i}.bias"] = weight(2**i * width)
    linear(tensors, weight, "vit_large_projector", text["hidden_size"], 4 * width, bias)
    rest = dict(understand_projector_stride=2, projector_bias=bias, image_token_id=pick(60, 128001))
    return dict(text_config=text, vision_config=eye, **rest), tensors


@family("MiniMaxM3SparseForConditionalGeneration", "minimax_m3_vl", None)
def minimax_m3(pick, weight):
    layers, hidden, width, dense, shared = pick(1, 2, 3), 64, pick(16, 24), pick(48, 64), pick(0, 16, 24)
    heads, groups, size, vocab, experts = pick(4, 8), pick(1, 2, 4), pick(8, 16), pick(320, 333), pick(2, 4)
    index_heads, index_size = pick(1, 2), pick(4, 8)
    sparse, indexed = [pick(0, 1) for _ in range(layers)], [pick(0, 1) for _ in range(layers)]
    text = dict(model_type="minimax_m3", hidden_size=hidden, intermediate_size=width, dense_intermediate_size=dense, shared_intermediate_size=shared, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=groups, head_dim=size, rotary_dim=size // 2, vocab_size=vocab, max_position_embeddings=pick(256, 1048576), rms_norm_eps=1e-6, rope_theta=pick(5000000, 10000.0), hidden_act="swigluoai", swiglu_alpha=1.702, swiglu_limit=7.0, use_gemma_norm=True, use_qk_norm=True, num_local_experts=experts, num_experts_per_tok=2, n_shared_experts=1 if shared else 0, scoring_func="sigmoid", use_routing_bias=True, routed_scaling_factor=pick(2.0, 2.5), moe_layer_freq=sparse, num_nextn_predict_layers=pick(0, 3), tie_word_embeddings=False)
    if pick(True, False):
        text.update(sparse_attention_config=dict(sparse_num_index_heads=index_heads, sparse_index_dim=index_size, sparse_attention_freq=indexed, sparse_block_size=64))
    else:
        text.update(layer_types=["minimax_m3_sparse" if i else "full_attention" for i in indexed], index_n_heads=index_heads, index_head_dim=index_size)
    tied = pick(False, False, True)
    root = "language_model."
    tensors = {} if tied else {f"{root}lm_head.weight": weight(vocab, hidden)}
    ends(tensors, weight, vocab, hidden, f"{root}model")
    for i in range(layers):
        at = f"{root}model.layers.{i}."
        norms(tensors, weight, at, {"input_layernorm": hidden, "post_attention_layernorm": hidden, "self_attn.q_norm": size, "self_attn.k_norm": size})
        projections(tensors, weight, f"{at}self_attn.", hidden, q=heads * size, k=groups * size, v=groups * size)
        tensors[f"{at}self_attn.o_proj.weight"] = weight(hidden, heads * size)
        if indexed[i]:
            projections(tensors, weight, f"{at}self_attn.index_", hidden, q=index_heads * index_size, k=index_size)
            norms(tensors, weight, f"{at}self_attn.", {"index_q_norm": index_size, "index_k_norm": index_size})
        if not sparse[i]:
            mlp(tensors, weight, f"{at}mlp.", dense, hidden)
            continue
        at += "block_sparse_moe."
        tensors[f"{at}gate.weight"] = weight(experts, hidden, dtype=torch.float32)
        tensors[f"{at}e_score_correction_bias"] = weight(experts, dtype=torch.float32)
        if shared:
            mlp(tensors, weight, f"{at}shared_experts.", shared, hidden)
        for expert in range(experts):
            for name, shape in dict(w1=(width, hidden), w2=(hidden, width), w3=(width, hidden)).items():
                tensors[f"{at}experts.{expert}.{name}.weight"] = weight(*shape)
    eye, depth, inner, patch, merge, time, projector, bias = pick(16, 24), pick(1, 2), pick(20, 32), pick(2, 4), pick(1, 2), pick(1, 2), pick(16, 24), pick(True, False)
    vision = dict(model_type="clip_vision_model", hidden_size=eye, num_hidden_layers=depth, num_attention_heads=2, intermediate_size=inner, num_channels=3, patch_size=patch, image_size=16, layer_norm_eps=1e-5, rope_theta=10000.0, spatial_merge_size=merge, temporal_patch_size=time)
    at = "vision_tower.vision_model."
    tensors[f"{at}embeddings.patch_embedding.weight"] = weight(eye, 3, time, patch, patch, dtype=torch.float32)
    layer_norm(tensors, weight, f"{at}pre_layrnorm", eye)
    for i in range(depth):
        block = f"{at}encoder.layers.{i}."
        for name in ("layer_norm1", "layer_norm2"):
            layer_norm(tensors, weight, f"{block}{name}", eye)
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            linear(tensors, weight, f"{block}self_attn.{name}", eye, eye)
        linear(tensors, weight, f"{block}mlp.fc1", inner, eye)
        linear(tensors, weight, f"{block}mlp.fc2", eye, inner)
    for name, inputs in dict(multi_modal_projector=eye, patch_merge_mlp=hidden * merge**2).items():
        linear(tensors, weight, f"{name}.linear_1", projector, inputs, bias)
        linear(tensors, weight, f"{name}.linear_2", hidden, projector, bias)
    rest = dict(img_token_compression_config=dict(image_token_compression_method="patch_merge", spatial_merge_size=merge, temporal_patch_size=time), image_token_index=200025, video_token_index=200026, projector_hidden_size=projector, multimodal_projector_bias=bias, tie_word_embeddings=tied)
    return dict(text_config=text, vision_config=vision, **rest), tensors


@family("KimiK3ForConditionalGeneration", "kimi_k3", NESTED)
def kimi_k3(pick, weight, narrows=(16, 24), inners=(16, 32)):
    layers, hidden, width, narrow, inner, vocab = pick(1, 2, 4), 64, pick(48, 64), pick(*narrows), pick(*inners), pick(320, 333)
    heads, query, rank, plain, extra, value = pick(2, 4), pick(16, 24), pick(16, 32), pick(8, 16), pick(4, 8), pick(8, 12)
    linear_heads, size, kernel, padding = pick(2, 4), pick(8, 16), pick(3, 4), pick(0, 2)
    experts, shared, dense, every = pick(4, 6), pick(1, 2), pick(0, 1), pick(1, 1, 2)
    delta = [i + 1 for i in range(layers) if pick(True, True, False)]
    text = dict(hidden_size=hidden, intermediate_size=width, moe_intermediate_size=narrow, routed_expert_hidden_size=inner, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=heads, head_dim=plain + extra, q_lora_rank=query, kv_lora_rank=rank, qk_nope_head_dim=plain, qk_rope_head_dim=extra, v_head_dim=value, num_experts=experts, num_experts_per_token=2, num_shared_experts=shared, first_k_dense_replace=min(dense, layers), moe_layer_freq=every, moe_router_activation_func="sigmoid", routed_scaling_factor=pick(1.0, 2.5), latent_moe_use_norm=True, attn_res_block_size=pick(2, 12), hidden_act="situ", attention_bias=False, initializer_range=0.006, rms_norm_eps=1e-5, vocab_size=vocab, max_position_embeddings=pick(256, 1048576), tie_word_embeddings=False, torch_dtype="bfloat16")
    text.update(pick(dict(use_grouped_topk=False), dict(use_grouped_topk=True, num_expert_group=pick(1, 2), topk_group=1)))
    text["linear_attn_config"] = dict(kda_layers=delta, full_attn_layers=[i + 1 for i in range(layers) if i + 1 not in delta], num_heads=linear_heads, head_dim=size, short_conv_kernel_size=kernel, gate_lower_bound=-5.0)
    root = "language_model.model"
    tensors = {"language_model.lm_head.weight": weight(vocab, hidden)}
    ends(tensors, weight, vocab, hidden, root)
    norms(tensors, weight, f"{root}.", {"output_attn_res_norm": hidden})
    tensors[f"{root}.output_attn_res_proj.weight"] = weight(1, hidden)
    for i in range(layers):
        at = f"{root}.layers.{i}."
        norms(tensors, weight, at, {name: hidden for name in ("input_layernorm", "post_attention_layernorm", "self_attention_res_norm", "mlp_res_norm")})
        for name in ("self_attention_res", "mlp_res"):
            tensors[f"{at}{name}_proj.weight"] = weight(1, hidden)
        attention = f"{at}self_attn."
        if i + 1 in delta:
            total = linear_heads * size
            projections(tensors, weight, attention, hidden, q=total, k=total, v=total, f_a=size, b=linear_heads, g=total)
            tensors[f"{attention}f_b_proj.weight"] = weight(total, size)
            for name in ("q", "k", "v"):
                tensors[f"{attention}{name}_conv1d.weight"] = weight(total, 1, kernel, dtype=torch.float32)
            log = weight(linear_heads, dtype=torch.float32)
            tensors[f"{attention}A_log"] = torch.cat((log, torch.zeros(padding)))
            tensors[f"{attention}dt_bias"] = weight(total, dtype=torch.float32)
            norms(tensors, weight, attention, {"o_norm": size})
        else:
            total = heads * value
            projections(tensors, weight, attention, hidden, q_a=query, g=total)
            norms(tensors, weight, attention, {"q_a_layernorm": query, "kv_a_layernorm": rank})
            tensors[f"{attention}q_b_proj.weight"] = weight(heads * (plain + extra), query)
            tensors[f"{attention}kv_a_proj_with_mqa.weight"] = weight(rank + extra, hidden)
            tensors[f"{attention}kv_b_proj.weight"] = weight(heads * (plain + value), rank)
        tensors[f"{attention}o_proj.weight"] = weight(hidden, total)
        if i < dense or i % every:
            mlp(tensors, weight, f"{at}mlp.", width, hidden)
            continue
        at += "block_sparse_moe."
        tensors[f"{at}gate.weight"] = weight(experts, hidden)
        tensors[f"{at}gate.e_score_correction_bias"] = weight(experts, dtype=torch.float32)
        tensors[f"{at}routed_expert_down_proj.weight"] = weight(inner, hidden)
        tensors[f"{at}routed_expert_up_proj.weight"] = weight(hidden, inner)
        norms(tensors, weight, at, {"routed_expert_norm": inner})
        mlp(tensors, weight, f"{at}shared_experts.", narrow * shared, hidden)
        for expert in range(experts):
            for name, shape in dict(w1=(narrow, inner), w2=(inner, narrow), w3=(narrow, inner)).items():
                tensors[f"{at}experts.{expert}.{name}.weight"] = weight(*shape)
    # The Bridge converts the language model alone.
    tensors["vision_tower.patch_embed.proj.weight"] = weight(8, 3, 2, 2)
    linear(tensors, weight, "mm_projector.proj.0", hidden, 8)
    return dict(text_config=text, vision_config=dict(vt_hidden_size=8, patch_size=2)), tensors


@family("KimiK3ForConditionalGeneration", "kimi_k3", NESTED)
def kimi_k3_mxfp4(pick, weight):
    config, tensors = kimi_k3(pick, weight, (32, 64), (32, 64))
    generator = torch.Generator().manual_seed(1)
    for name in [name for name in tensors if ".experts." in name]:
        rows, columns = tensors.pop(name).shape
        tensors[f"{name}_packed"] = torch.randint(0, 256, (rows, columns // 2), generator=generator, dtype=torch.uint8)
        tensors[f"{name}_scale"] = torch.randint(118, 124, (rows, columns // 32), generator=generator, dtype=torch.uint8)
    weights = dict(num_bits=4, type="float", strategy="group", group_size=32, symmetric=True)
    quantized = dict(quant_method="compressed-tensors", format="mxfp4-pack-quantized", config_groups=dict(group_0=dict(targets=["Linear"], weights=weights)), ignore=["lm_head"])
    config["text_config"]["quantization_config"] = quantized
    return config, tensors
