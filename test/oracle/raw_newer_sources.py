"""More sources of families whose class transformers lacks: per-layer attention shapes, latent attention, diffusion."""
import torch

from raw_sources import family, mlp


def ends(tensors, weight, vocab, hidden, root="model"):
    tensors[f"{root}.embed_tokens.weight"] = weight(vocab, hidden)
    tensors[f"{root}.norm.weight"] = weight(hidden, one=True)


def norms(tensors, weight, at, sizes):
    for name, size in sizes.items():
        tensors[f"{at}{name}.weight"] = weight(size, one=True)


def projections(tensors, weight, at, hidden, **rows):
    for name, count in rows.items():
        tensors[f"{at}{name}_proj.weight"] = weight(count, hidden)


@family("SarvamMLAForCausalLM", "sarvam_mla")
def sarvam_mla(pick, weight):
    layers, heads, hidden, width, narrow = pick(1, 2, 3), pick(2, 4), 64, pick(48, 64), pick(16, 24)
    plain, rotary, value, rank = pick(8, 16), pick(4, 8), pick(8, 12), pick(16, 32)
    shared, dense, vocab, experts = pick(1, 2), pick(0, 1), pick(320, 333), pick(2, 4)
    config = dict(num_hidden_layers=layers, hidden_size=hidden, intermediate_size=width, moe_intermediate_size=narrow, num_attention_heads=heads, num_experts=experts, num_experts_per_tok=2, num_shared_experts=shared, first_k_dense_replace=min(dense, layers), q_lora_rank=None, kv_lora_rank=rank, qk_nope_head_dim=plain, qk_rope_head_dim=rotary, v_head_dim=value, vocab_size=vocab, max_position_embeddings=pick(256, 131072), rope_theta=pick(10000, 10000.0), rms_norm_eps=1e-6, hidden_act="silu")
    tensors = {"lm_head.weight": weight(vocab, hidden)}
    ends(tensors, weight, vocab, hidden)
    for i in range(layers):
        at = f"model.layers.{i}."
        norms(tensors, weight, at, {"input_layernorm": hidden, "post_attention_layernorm": hidden, "self_attn.kv_a_layernorm": rank})
        projections(tensors, weight, f"{at}self_attn.", hidden, q=heads * (plain + rotary))
        tensors[f"{at}self_attn.kv_a_proj_with_mqa.weight"] = weight(rank + rotary, hidden)
        tensors[f"{at}self_attn.kv_b_proj.weight"] = weight(heads * (plain + value), rank)
        tensors[f"{at}self_attn.o_proj.weight"] = weight(hidden, heads * value)
        if i < dense:
            mlp(tensors, weight, f"{at}mlp.", width, hidden)
            continue
        tensors[f"{at}mlp.gate.weight"] = weight(experts, hidden)
        tensors[f"{at}mlp.gate.e_score_correction_bias"] = weight(experts, dtype=torch.float32)
        mlp(tensors, weight, f"{at}mlp.shared_experts.", narrow * shared, hidden)
        for expert in range(experts):
            mlp(tensors, weight, f"{at}mlp.experts.{expert}.", narrow, hidden)
    return config, tensors


@family("MiMoV2FlashForCausalLM", "mimo_v2_flash")
def mimo_v2_flash(pick, weight):
    layers, heads, hidden, width, narrow = pick(1, 2, 4), 4, 64, pick(48, 64), pick(16, 24)
    size, value, full, windowed, vocab, experts = pick(12, 16), pick(8, 16), pick(1, 2), pick(2, 4), pick(320, 333), pick(2, 4)
    sliding = [0, *(pick(0, 1) for _ in range(layers - 1))]
    sparse = [pick(0, 1) for _ in range(layers)]
    depths = pick(0, 1, 2)
    config = dict(num_hidden_layers=layers, hidden_size=hidden, intermediate_size=width, moe_intermediate_size=narrow, num_attention_heads=heads, num_key_value_heads=full, swa_num_key_value_heads=windowed, swa_num_attention_heads=heads, head_dim=size, swa_head_dim=size, v_head_dim=value, swa_v_head_dim=value, n_routed_experts=experts, n_shared_experts=None, num_experts_per_tok=2, n_group=1, topk_group=1, norm_topk_prob=True, routed_scaling_factor=pick(None, 2.5), scoring_func="sigmoid", topk_method="noaux_tc", hybrid_layer_pattern=sliding, moe_layer_freq=sparse, sliding_window=64, sliding_window_size=64, attention_chunk_size=64, attention_value_scale=pick(None, 0.707), attention_bias=False, attention_dropout=0.0, partial_rotary_factor=0.334, rope_theta=5000000, swa_rope_theta=10000, add_swa_attention_sink_bias=True, add_full_attention_sink_bias=False, layernorm_epsilon=pick(1e-5, 1e-6), initializer_range=0.02, hidden_act="silu", vocab_size=vocab, max_position_embeddings=256, tie_word_embeddings=False)
    tensors = {"lm_head.weight": weight(vocab, hidden)}
    ends(tensors, weight, vocab, hidden)
    places = [(f"model.layers.{i}.", sliding[i], sparse[i]) for i in range(layers)]
    for at, window, mixture in [*places, *((f"model.mtp.layers.{i}.", 1, 0) for i in range(depths))]:
        groups = windowed if window else full
        second = "pre_mlp_layernorm" if ".mtp." in at else "post_attention_layernorm"
        norms(tensors, weight, at, {"input_layernorm": hidden, second: hidden})
        projections(tensors, weight, f"{at}self_attn.", hidden, q=heads * size, k=groups * size, v=groups * value)
        tensors[f"{at}self_attn.o_proj.weight"] = weight(hidden, heads * value)
        if window:
            tensors[f"{at}self_attn.attention_sink_bias"] = weight(heads)
        if ".mtp." in at:
            norms(tensors, weight, at, {"enorm": hidden, "hnorm": hidden, "final_layernorm": hidden})
            tensors[f"{at}eh_proj.weight"] = weight(hidden, 2 * hidden)
        if not mixture:
            mlp(tensors, weight, f"{at}mlp.", width, hidden)
            continue
        tensors[f"{at}mlp.gate.weight"] = weight(experts, hidden)
        tensors[f"{at}mlp.gate.e_score_correction_bias"] = weight(experts, dtype=torch.float32)
        for expert in range(experts):
            mlp(tensors, weight, f"{at}mlp.experts.{expert}.", narrow, hidden)
    return config, tensors


@family("Step3p5ForCausalLM", "step3p5")
def step35(pick, weight):
    layers, hidden, width, narrow, shared = pick(1, 2, 4), 64, pick(48, 64), pick(16, 24), pick(16, 32)
    heads, groups, size, vocab, experts, depths = pick(4, 8), pick(1, 2), pick(8, 16), pick(320, 333), pick(2, 4), pick(0, 1, 3)
    wide, narrower = pick(4, 6, 8), pick(1, 2)
    window = [pick(True, False) for _ in range(layers + depths)]
    sparse = [i for i in range(layers) if pick(True, False)]
    types = ["sliding_attention" if is_window else "full_attention" for is_window in window]
    limits = [pick(0.0, 7.0) for _ in range(layers + depths)]
    config = dict(num_hidden_layers=layers, hidden_size=hidden, intermediate_size=width, moe_intermediate_size=narrow, num_attention_heads=heads, num_attention_groups=groups, head_dim=size, vocab_size=vocab, rms_norm_eps=1e-5, moe_num_experts=experts, moe_top_k=2, share_expert_dim=shared, share_expert_dims=shared, layer_types=types, attention_other_setting=dict(attention_type="sliding_attention", num_attention_heads=wide, num_attention_groups=narrower, head_dim=size, true_head_dim=size), sliding_window=64, use_head_wise_attn_gate=True, num_nextn_predict_layers=depths, moe_layers_enum=pick(",".join(map(str, sparse)), sparse) or "", max_position_embeddings=256, max_seq_len=256, rope_theta=pick(10000.0, [pick(1e4, 5e6) for _ in range(layers + depths)]), partial_rotary_factors=[pick(0.5, 1.0) for _ in range(layers + depths)], use_qk_norm=True, zero_centered=True, use_moe=True, use_moe_router_bias=True, moe_router_activation="sigmoid", moe_router_scaling_factor=3.0, need_fp32_gate=True, swiglu_limits=limits, swiglu_limits_shared=limits, norm_expert_weight=True, rope_scaling=None, tie_word_embeddings=pick(True, False))
    if pick(True, False):
        config["rope_scaling"] = dict(rope_type="llama3", factor=2.0, original_max_position_embeddings=131072, low_freq_factor=1.0, high_freq_factor=32.0)
    tensors = {} if config["tie_word_embeddings"] else {"lm_head.weight": weight(vocab, hidden)}
    ends(tensors, weight, vocab, hidden)
    for i in range(layers + depths):
        at = f"model.layers.{i}."
        q, k = (wide, narrower) if window[i] else (heads, groups)
        norms(tensors, weight, at, {"input_layernorm": hidden, "post_attention_layernorm": hidden, "self_attn.q_norm": size, "self_attn.k_norm": size})
        projections(tensors, weight, f"{at}self_attn.", hidden, q=q * size, k=k * size, v=k * size, g=q)
        tensors[f"{at}self_attn.o_proj.weight"] = weight(hidden, q * size)
        if i >= layers:
            norms(tensors, weight, at, {"enorm": hidden, "hnorm": hidden, "transformer.shared_head.norm": hidden})
            tensors[f"{at}eh_proj.weight"] = weight(hidden, 2 * hidden)
            tensors[f"{at}transformer.shared_head.output.weight"] = weight(vocab, hidden)
        if i not in sparse:
            mlp(tensors, weight, f"{at}mlp.", width, hidden)
            continue
        tensors[f"{at}moe.gate.weight"] = weight(experts, hidden)
        tensors[f"{at}moe.router_bias"] = weight(experts, dtype=torch.float32)
        tensors[f"{at}moe.gate_proj.weight"] = weight(experts, narrow, hidden)
        tensors[f"{at}moe.up_proj.weight"] = weight(experts, narrow, hidden)
        tensors[f"{at}moe.down_proj.weight"] = weight(experts, hidden, narrow)
        mlp(tensors, weight, f"{at}share_expert.", shared, hidden)
    return config, tensors


@family("NemotronLabsDiffusionModel", "nemotron_labs_diffusion")
def nemotron_labs_diffusion(pick, weight):
    layers, hidden, width, vocab, tied = pick(1, 2), pick(8, 16), pick(24, 32), pick(320, 333), pick(True, False)
    config = dict(num_hidden_layers=layers, hidden_size=hidden, intermediate_size=width, num_attention_heads=32, num_key_value_heads=8, head_dim=128, vocab_size=vocab, max_position_embeddings=256, rms_norm_eps=1e-5, hidden_act="silu", rope_parameters=dict(rope_theta=pick(1000000.0, 500000), rope_type="yarn", factor=16.0, original_max_position_embeddings=16384, beta_fast=32.0, beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.1), tie_word_embeddings=tied)
    tensors = {} if tied else {"diffusion_head.weight": weight(vocab, hidden)}
    ends(tensors, weight, vocab, hidden, "encoder")
    for i in range(layers):
        at = f"encoder.layers.{i}."
        norms(tensors, weight, at, {"input_layernorm": hidden, "post_attention_layernorm": hidden})
        projections(tensors, weight, f"{at}self_attn.", hidden, q=4096, k=1024, v=1024)
        tensors[f"{at}self_attn.o_proj.weight"] = weight(hidden, 4096)
        mlp(tensors, weight, f"{at}mlp.", width, hidden)
    return config, tensors


def mixture(tensors, weight, at, experts, narrow, shared, hidden, bias):
    tensors[f"{at}gate.weight"] = weight(experts, hidden)
    tensors[f"{at}{bias}"] = weight(experts, dtype=torch.float32)
    if shared:
        mlp(tensors, weight, f"{at}shared_experts.", shared, hidden)
    for expert in range(experts):
        mlp(tensors, weight, f"{at}experts.{expert}.", narrow, hidden)


@family("KimiK2ForCausalLM", "kimi_k2")
def kimi_k2(pick, weight):
    layers, heads, hidden, width, narrow, vocab = pick(1, 2, 3), pick(2, 4), 64, pick(48, 64), pick(16, 24), pick(320, 333)
    query, rank, plain, rotary, value, experts, shared = pick(16, 24), pick(16, 32), pick(8, 16), pick(4, 8), pick(8, 12), pick(4, 6), pick(1, 2)
    dense = pick(0, 1)
    config = dict(num_hidden_layers=layers, hidden_size=hidden, intermediate_size=width, moe_intermediate_size=narrow, num_attention_heads=heads, num_key_value_heads=heads, n_routed_experts=experts, n_shared_experts=shared, num_experts_per_tok=2, n_group=pick(1, 2), topk_group=1, first_k_dense_replace=min(dense, layers), moe_layer_freq=1, q_lora_rank=query, kv_lora_rank=rank, qk_nope_head_dim=plain, qk_rope_head_dim=rotary, v_head_dim=value, routed_scaling_factor=pick(2.5, 2.827), scoring_func="sigmoid", topk_method="noaux_tc", norm_topk_prob=True, vocab_size=vocab, max_position_embeddings=pick(256, 4096), rope_theta=pick(50000.0, 10000), rope_scaling=pick(None, dict(type="yarn", factor=32.0, original_max_position_embeddings=4096, beta_fast=1.0, beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0)), rms_norm_eps=pick(1e-6, 1e-5), initializer_range=0.02, hidden_act="silu", attention_bias=False, attention_dropout=0.0, tie_word_embeddings=False, num_nextn_predict_layers=0, aux_loss_alpha=0.001, seq_aux=True)
    tensors = {"lm_head.weight": weight(vocab, hidden)}
    ends(tensors, weight, vocab, hidden)
    for i in range(layers):
        at = f"model.layers.{i}."
        norms(tensors, weight, at, {"input_layernorm": hidden, "post_attention_layernorm": hidden, "self_attn.q_a_layernorm": query, "self_attn.kv_a_layernorm": rank})
        tensors[f"{at}self_attn.q_a_proj.weight"] = weight(query, hidden)
        tensors[f"{at}self_attn.q_b_proj.weight"] = weight(heads * (plain + rotary), query)
        tensors[f"{at}self_attn.kv_a_proj_with_mqa.weight"] = weight(rank + rotary, hidden)
        tensors[f"{at}self_attn.kv_b_proj.weight"] = weight(heads * (plain + value), rank)
        tensors[f"{at}self_attn.o_proj.weight"] = weight(hidden, heads * value)
        if i < dense:
            mlp(tensors, weight, f"{at}mlp.", width, hidden)
        else:
            mixture(tensors, weight, f"{at}mlp.", experts, narrow, narrow * shared, hidden, "gate.e_score_correction_bias")
    return config, tensors


@family("ExaoneMoeForCausalLM", "exaone_moe", None)
def exaone_moe_mtp(pick, weight):
    layers, heads, groups, hidden, width, narrow, vocab = pick(1, 2, 4), 4, pick(1, 2), 64, pick(48, 64), pick(16, 24), pick(320, 333)
    experts, shared, size, depths = pick(4, 6), pick(1, 2), pick(8, 16), 1
    kinds = ["sparse" if pick(True, False) else "dense" for _ in range(layers)]
    types = [pick("sliding_attention", "full_attention") for _ in range(layers)]
    config = dict(num_hidden_layers=layers, hidden_size=hidden, intermediate_size=width, moe_intermediate_size=narrow, num_attention_heads=heads, num_key_value_heads=groups, head_dim=size, num_experts=experts, num_experts_per_tok=2, num_shared_experts=shared, n_group=1, topk_group=1, first_k_dense_replace=0, mlp_layer_types=kinds, layer_types=types, sliding_window=64, sliding_window_pattern="LLLG", routed_scaling_factor=2.5, scoring_func="sigmoid", topk_method=pick("noaux_tc", None), norm_topk_prob=True, num_nextn_predict_layers=depths, vocab_size=vocab, max_position_embeddings=256, rope_parameters=dict(rope_theta=1000000, rope_type="default"), rms_norm_eps=1e-5, initializer_range=0.02, hidden_act="silu", attention_dropout=0.0, tie_word_embeddings=False)
    config.update(pick({}, dict(mtp_share_layers=True, mtp_num_speculative_steps=2), dict(mtp_layer_types=["sliding_attention"], mtp_sliding_windows=[64])))
    tensors = {"lm_head.weight": weight(vocab, hidden)}
    ends(tensors, weight, vocab, hidden)
    for at, kind in [*((f"model.layers.{i}.", kinds[i]) for i in range(layers)), *((f"mtp.layers.{i}.", "dense") for i in range(depths))]:
        norms(tensors, weight, at, {"input_layernorm": hidden, "post_attention_layernorm": hidden, "self_attn.q_norm": size, "self_attn.k_norm": size})
        projections(tensors, weight, f"{at}self_attn.", hidden, q=heads * size, k=groups * size, v=groups * size)
        tensors[f"{at}self_attn.o_proj.weight"] = weight(hidden, heads * size)
        if at.startswith("mtp"):
            norms(tensors, weight, "mtp.", {"pre_fc_norm_embedding": hidden, "pre_fc_norm_hidden": hidden, "norm": hidden})
            tensors["mtp.fc.weight"] = weight(hidden, 2 * hidden)
        if kind == "dense":
            mlp(tensors, weight, f"{at}mlp.", width, hidden)
        else:
            mixture(tensors, weight, f"{at}mlp.", experts, narrow, narrow * shared, hidden, "e_score_correction_bias")
    return config, tensors


@family("NemotronHForCausalLM", "nemotron_h_source")
def nemotron_h_latent(pick, weight):
    hidden, width, vocab, size, groups = pick(32, 64), pick(48, 64), pick(320, 333), pick(8, 16), pick(1, 2, 4)
    heads, head, parts, state, kernel = pick(4, 8), pick(8, 16), pick(1, 2, 4), pick(8, 16), pick(3, 4)
    experts, narrow, shared, inner = pick(4, 6), pick(16, 24), pick(16, 32), pick(None, 16, 24)
    pattern = "".join(pick("M", "*", "E", "-") for _ in range(pick(1, 3, 5)))
    depths, own, repeated = pick(0, 1, 2), pick("*E", "E", "*", "*-"), pick(True, False)
    config = dict(hidden_size=hidden, intermediate_size=width, num_hidden_layers=len(pattern), hybrid_override_pattern=pattern, num_attention_heads=4, num_key_value_heads=groups, head_dim=size, mamba_num_heads=heads, mamba_head_dim=head, n_groups=parts, ssm_state_size=state, conv_kernel=kernel, expand=2, chunk_size=64, use_conv_bias=True, n_routed_experts=experts, n_shared_experts=1, num_experts_per_tok=2, n_group=1, topk_group=1, moe_intermediate_size=narrow, moe_shared_expert_intermediate_size=shared, routed_scaling_factor=2.5, norm_topk_prob=True, vocab_size=vocab, max_position_embeddings=256, mlp_hidden_act="relu2", layer_norm_epsilon=1e-5, residual_in_fp32=pick(True, False), attention_bias=False, mlp_bias=False, use_bias=False, mamba_proj_bias=False, initializer_range=0.02, tie_word_embeddings=False, attention_dropout=0.0, hidden_dropout=0.0, rope_theta=10000, partial_rotary_factor=1.0)
    if inner is not None:
        config.update(moe_latent_size=inner)
    if depths:
        config.update(num_nextn_predict_layers=depths, mtp_hybrid_override_pattern=own, mtp_use_repeated_layer=repeated)

    def layer(tensors, at, kind):
        tensors[f"{at}norm.weight"] = weight(hidden, one=True)
        mixer, wide = f"{at}mixer.", inner or hidden
        if kind == "M":
            conv = heads * head + 2 * parts * state
            tensors[f"{mixer}in_proj.weight"] = weight(heads * head + conv + heads, hidden)
            tensors[f"{mixer}conv1d.weight"] = weight(conv, 1, kernel)
            tensors[f"{mixer}conv1d.bias"] = weight(conv)
            for name in ("A_log", "D", "dt_bias"):
                tensors[f"{mixer}{name}"] = weight(heads)
            tensors[f"{mixer}norm.weight"] = weight(heads * head, one=True)
            tensors[f"{mixer}out_proj.weight"] = weight(hidden, heads * head)
        elif kind == "*":
            projections(tensors, weight, mixer, hidden, q=4 * size, k=groups * size, v=groups * size)
            tensors[f"{mixer}o_proj.weight"] = weight(hidden, 4 * size)
        elif kind == "-":
            tensors[f"{mixer}up_proj.weight"] = weight(width, hidden)
            tensors[f"{mixer}down_proj.weight"] = weight(hidden, width)
        else:
            tensors[f"{mixer}gate.weight"] = weight(experts, hidden)
            tensors[f"{mixer}gate.e_score_correction_bias"] = weight(experts, dtype=torch.float32)
            for expert in range(experts):
                tensors[f"{mixer}experts.{expert}.up_proj.weight"] = weight(narrow, wide)
                tensors[f"{mixer}experts.{expert}.down_proj.weight"] = weight(wide, narrow)
            tensors[f"{mixer}shared_experts.up_proj.weight"] = weight(shared, hidden)
            tensors[f"{mixer}shared_experts.down_proj.weight"] = weight(hidden, shared)
            if inner is not None:
                tensors[f"{mixer}fc1_latent_proj.weight"] = weight(inner, hidden)
                tensors[f"{mixer}fc2_latent_proj.weight"] = weight(hidden, inner)

    tensors = {"backbone.embeddings.weight": weight(vocab, hidden), "backbone.norm_f.weight": weight(hidden, one=True), "lm_head.weight": weight(vocab, hidden)}
    for i, kind in enumerate(pattern):
        layer(tensors, f"backbone.layers.{i}.", kind)
    for depth in range(min(depths, 1) if repeated else depths):
        first = depth * len(own)
        for j, kind in enumerate(own):
            layer(tensors, f"mtp.layers.{first + j}.", kind)
        norms(tensors, weight, f"mtp.layers.{first}.", {"enorm": hidden, "hnorm": hidden})
        tensors[f"mtp.layers.{first}.eh_proj.weight"] = weight(hidden, 2 * hidden)
        norms(tensors, weight, f"mtp.layers.{first + len(own) - 1}.", {"final_layernorm": hidden})
    return config, tensors
