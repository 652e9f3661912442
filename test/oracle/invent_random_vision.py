"""Make random small checkpoints of models that see or hear: sizes, depths, ties and tokens varied, keys left out.

    python invent_random_vision.py OUT COUNT [FAMILY...]     # OUT/<family>-<seed>/, seeds counted from SEED (environment, default 0)

Run it with the transformers of the stack that is to read them. config.json is written as the class writes it, or as the
few keys that were chosen, with rotary parameters under older or newer names. EVEN=1 draws sizes that parallel layouts divide.
"""
import json
import os
import random
import shutil
import sys
import zlib

import torch
import transformers as T
from safetensors.torch import load_file

import invent_asr_sources
import invent_vision_sources as fixed
from invent_random import ABSENT, act, experts, fill, known, shard
from invent_sources import tokenizer

FAMILIES = {}
EVEN = "EVEN" in os.environ
NEW = int(T.__version__.split(".")[0]) >= 5


def family(make):
    FAMILIES[make.__name__] = make
    return make


def sizes(r):
    count = r.choice((4,) if EVEN else (1, 2, 4, 6))
    return dict(
        vocab_size=r.choice((64, 72, 128)) if EVEN else r.choice((64, 72, 77, 100, 257)), hidden_size=count * r.choice([8, 16]), num_hidden_layers=r.choice((2, 4)) if EVEN else r.choice((1, 2, 3, 4)), num_attention_heads=count,
        num_key_value_heads=r.choice([n for n in (1, 2, 3, 4) if count % n == 0]), intermediate_size=r.choice((32, 40)) if EVEN else r.choice((20, 32, 37)),
        max_position_embeddings=r.choice([64, 4096, ABSENT]), rms_norm_eps=r.choice([ABSENT, 1e-5, 1e-6]), initializer_range=r.choice([ABSENT, 0.02, 0.006]),
        attention_dropout=r.choice([ABSENT, 0.0, 0.1]), use_cache=r.choice([ABSENT, True]), hidden_act=r.choice([ABSENT, *["silu"] * 6, act(r, "silu")]),
        bos_token_id=r.choice([ABSENT, 1]), eos_token_id=r.choice([ABSENT, 2, [2, 3]]), pad_token_id=r.choice([ABSENT, 0]),
    )


def mrope(r, head):
    """Sections of the rotary dimensions as time, height and width, with the base frequency where checkpoints have it."""
    part = max(head // 6, 1)
    sections = [head // 2 - 2 * part, part, part]
    base = r.choice([ABSENT, 10000.0, 1000000.0, 5e6])
    if NEW and r.random() < 0.5:
        return dict(rope_parameters=known(dict(rope_type="default", mrope_section=sections, rope_theta=10000.0 if base is ABSENT else base, mrope_interleaved=r.choice([ABSENT, True]))))
    kind = r.choice([{"type": "mrope"}, {"rope_type": "default"}, {"type": "default", "rope_type": "default"}])
    return dict(rope_theta=base, rope_scaling=known({**kind, "mrope_section": sections, "mrope_interleaved": r.choice([ABSENT, True])}))


def eye(r, out, **more):
    heads = r.choice((4,) if EVEN else (1, 2, 4))
    return dict(
        depth=r.choice([1, 2, 3]), hidden_size=heads * r.choice([8, 12]), num_heads=heads, intermediate_size=r.choice((32, 40)) if EVEN else r.choice((20, 32, 33)), patch_size=r.choice([2, 4, ABSENT]),
        out_hidden_size=out, temporal_patch_size=r.choice([ABSENT, 1, 2]), spatial_merge_size=r.choice([ABSENT, 1, 2]), hidden_act=r.choice([ABSENT, ABSENT, "silu", "gelu_pytorch_tanh", "gelu"]), **more,
    )


def ids(r, **names):
    return {name: r.choice([ABSENT, value]) for name, value in names.items()}


IDS = dict(image_token_id=60, video_token_id=61, vision_start_token_id=62, vision_end_token_id=63)


def ties(r, text, allowed=(ABSENT, True, False, False)):
    """The tie of the embeddings stands beside the language model's configuration, inside it, or in both."""
    tied = r.choice(allowed)
    text["tie_word_embeddings"] = r.choice([ABSENT, tied])
    return tied


@family
def qwen2_5_vl(r):
    text = sizes(r)
    text |= mrope(r, text["hidden_size"] // text["num_attention_heads"])
    text |= dict(use_sliding_window=r.choice([ABSENT, False]), sliding_window=r.choice([ABSENT, 16, None]), max_window_layers=r.choice([ABSENT, 28]))
    vision = eye(r, text["hidden_size"], fullatt_block_indexes=r.choice([ABSENT, [0], [1, 2]]), window_size=r.choice([ABSENT, 8]), tokens_per_second=r.choice([ABSENT, 2]), in_channels=r.choice([ABSENT, ABSENT, 3, 1]))
    foreign = dict(in_chans=r.choice([ABSENT, 3]), spatial_patch_size=r.choice([ABSENT, 14]))
    return "Qwen2_5_VL", text, vision, dict(ids(r, **IDS, vision_token_id=59), tie_word_embeddings=ties(r, text)), r.choice([None, "flatten"]), foreign


def qwen3(r, **more):
    text = dict(sizes(r), head_dim=r.choice([8, 12, 16]), attention_bias=r.choice([ABSENT, False, True]), **more)
    text |= mrope(r, text["head_dim"])
    depth = r.choice([1, 2, 3])
    vision = eye(r, text["hidden_size"], num_position_embeddings=r.choice([9, 16, 25]), deepstack_visual_indexes=r.choice([[], [0], list(range(depth)), [depth - 1]]), in_channels=r.choice([ABSENT, 3]), initializer_range=r.choice([ABSENT, 0.01]))
    vision["depth"] = depth
    return text, vision, dict(ids(r, **IDS), tie_word_embeddings=ties(r, text))


@family
def qwen3_vl(r):
    return "Qwen3VL", *qwen3(r), None, {}


@family
def qwen3_vl_moe(r):
    mixed = dict(num_experts=4, num_experts_per_tok=2) if EVEN else experts(r)
    text, vision, rest = qwen3(r, moe_intermediate_size=r.choice((8, 12, 16)), decoder_sparse_step=r.choice([ABSENT, 1]), mlp_only_layers=r.choice([ABSENT, []]), norm_topk_prob=r.choice([ABSENT, True]), router_aux_loss_coef=r.choice([ABSENT, 0.01]), **mixed)
    return "Qwen3VLMoe", text, vision, rest, None, {}


def delta(r):
    keys = r.choice((2, 4)) if EVEN else r.choice((1, 2))
    text = dict(sizes(r), head_dim=r.choice([8, 16]), attention_bias=r.choice([ABSENT, False]), linear_num_key_heads=keys, linear_num_value_heads=keys * r.choice([1, 2]), linear_key_head_dim=r.choice([8, 16]), linear_value_head_dim=r.choice([8, 16]), linear_conv_kernel_dim=r.choice([ABSENT, 2, 4]))
    layers = text["num_hidden_layers"]
    text["layer_types"] = r.choice([ABSENT, ["full_attention"] * layers, [r.choice(["linear_attention", "full_attention"]) for _ in range(layers)]])
    text["full_attention_interval"] = r.choice([ABSENT, 4, 2])
    text["rope_parameters"] = known(dict(rope_type="default", rope_theta=r.choice([10000.0, 1e7]), mrope_section=[1, 1, 0], mrope_interleaved=r.choice([ABSENT, True]), partial_rotary_factor=r.choice([ABSENT, 0.25, 0.5])))
    vision = eye(r, text["hidden_size"], num_position_embeddings=r.choice([9, 16]), deepstack_visual_indexes=r.choice([ABSENT, []]))
    return text, vision, dict(ids(r, **IDS), tie_word_embeddings=ties(r, text))


@family
def qwen3_5_vl(r):
    return "Qwen3_5", *delta(r), r.choice([None, "predict"]), {}


@family
def qwen3_5_vl_moe(r):
    text, vision, rest = delta(r)
    text |= (dict(num_experts=4, num_experts_per_tok=2) if EVEN else experts(r)) | dict(moe_intermediate_size=r.choice((8, 12)), shared_expert_intermediate_size=r.choice((8, 16)), router_aux_loss_coef=r.choice([ABSENT, 0.01]))
    return "Qwen3_5Moe", text, vision, rest, r.choice([None, "predict"]), {}


@family
def qwen3_5_tokens(r):
    text, vision, rest = delta(r)
    rest["tie_word_embeddings"] = text["tie_word_embeddings"] = ABSENT
    return "Qwen3_5", text, vision, {**rest, "num_labels": r.choice([ABSENT, 3])}, "classify", {}


@family
def gemma3_vl(r):
    text = dict(sizes(r), head_dim=r.choice([8, 16, 24]), sliding_window=r.choice([ABSENT, 16]), query_pre_attn_scalar=r.choice([ABSENT, 24, 256]), hidden_act=ABSENT, hidden_activation=r.choice([ABSENT, "gelu_pytorch_tanh"]), attention_bias=r.choice([ABSENT, False]))
    text["num_hidden_layers"] = r.choice((2, 4) if EVEN else (1, 2, 6, 7))
    if not NEW or r.random() < 0.5:
        text |= dict(rope_scaling=r.choice([ABSENT, None, {"rope_type": "linear", "factor": 8.0}]), rope_theta=r.choice([ABSENT, 1000000.0]), rope_local_base_freq=r.choice([ABSENT, 10000.0, 20000.0]))
    kind = r.choice(["none", "pattern", "types"])
    if kind == "pattern":
        text["sliding_window_pattern"] = r.choice([6, 2])
    if kind == "types":
        text["layer_types"] = ["full_attention" if (i + 1) % 6 == 0 else "sliding_attention" for i in range(text["num_hidden_layers"])]
    heads = r.choice([2, 4])
    vision = dict(hidden_size=heads * 8, intermediate_size=r.choice([20, 33]), num_hidden_layers=r.choice([1, 2, 3]), num_attention_heads=heads, image_size=r.choice([16, 32]), patch_size=4, num_channels=r.choice([ABSENT, 3]), layer_norm_eps=r.choice([ABSENT, 1e-5]), attention_dropout=r.choice([ABSENT, 0.0]), hidden_act=r.choice([ABSENT, "gelu_pytorch_tanh"]))
    foreign = dict(vision_use_head=False) if NEW or r.random() < 0.5 else {}
    rest = dict(mm_tokens_per_image=r.choice([4, 16]), **ids(r, boi_token_index=50, eoi_token_index=51, image_token_index=52, eos_token_id=[1, 106], bos_token_id=2, image_token_id=53, vision_start_token_id=54))
    return "Gemma3", text, {**vision, **foreign}, rest, None, {}


@family
def mistral3(r):
    text = dict(sizes(r), model_type=r.choice(["mistral", "ministral3"]) if NEW else "mistral", sliding_window=r.choice([ABSENT, None]), hidden_act="silu")
    if NEW:
        text |= dict(head_dim=r.choice([8, 16, ABSENT]))
    else:
        text |= dict(hidden_size=r.choice([4, 8]), num_attention_heads=32, num_key_value_heads=8, head_dim=128)
    text["rope_parameters"] = dict(fixed.LLAMA4, rope_theta=r.choice([1000000.0, 500000.0]), factor=r.choice([16.0, 8.0]))
    heads = r.choice([2, 4])
    vision = dict(hidden_size=heads * 8, intermediate_size=r.choice([20, 33]), num_hidden_layers=r.choice([1, 2, 3]), num_attention_heads=heads, head_dim=r.choice([ABSENT, 8]), image_size=16, patch_size=r.choice([2, 4]), num_channels=r.choice([ABSENT, 3]), rope_theta=r.choice([ABSENT, 10000.0]))
    rest = dict(spatial_merge_size=r.choice([ABSENT, 1, 2, 3]), multimodal_projector_bias=r.choice([ABSENT, True, False]), vision_feature_layer=r.choice([ABSENT, -1, -2, [-1, -2]]), projector_hidden_act=r.choice([ABSENT, "gelu"]), image_token_index=r.choice([ABSENT, 10, 60]), tie_word_embeddings=ties(r, text))
    return "Mistral3", text, vision, rest, None, {}


@family
def glm4v_moe(r):
    groups = r.choice([1, 2])
    text = dict(sizes(r), use_qk_norm=r.choice([False, False, False, True]), head_dim=r.choice([8, 16]), moe_intermediate_size=r.choice([8, 12]), n_routed_experts=4 if EVEN else r.choice([2, 4, 6]), num_experts_per_tok=r.choice([1, 2]), n_shared_experts=1, n_group=groups, topk_group=1, partial_rotary_factor=r.choice([ABSENT, 0.5, 1.0]), attention_bias=r.choice([ABSENT, True, False]), routed_scaling_factor=r.choice([ABSENT, 1.0, 2.5]), norm_topk_prob=r.choice([ABSENT, True]), tie_word_embeddings=r.choice([ABSENT, False]))
    text |= mrope(r, text["head_dim"]) | dict(first_k_dense_replace=r.choice([ABSENT, 0, 1, text["num_hidden_layers"]]), hidden_act=r.choice([ABSENT, "silu"]))
    text |= ids(r, image_token_id=55, video_token_id=56, image_start_token_id=57)
    vision = dict(eye(r, text["hidden_size"], image_size=r.choice([8, 16]), attention_bias=r.choice([ABSENT, False, True]), in_channels=r.choice([ABSENT, 3]), rms_norm_eps=r.choice([ABSENT, 1e-6])), patch_size=r.choice([2, 4]))
    return "Glm4vMoe", text, vision, dict(ids(r, **IDS, image_start_token_id=58), tie_word_embeddings=r.choice([ABSENT, False])), None, {}


@family
def exaone4_5(r):
    text = dict(sizes(r), model_type="exaone4", head_dim=r.choice([8, 16]), sliding_window=r.choice([ABSENT, 16]), bos_token_id=1, eos_token_id=2, pad_token_id=0, max_position_embeddings=r.choice([64, 4096]), hidden_act="silu")
    layers = text["num_hidden_layers"]
    text["layer_types"] = r.choice([ABSENT, [r.choice(["sliding_attention", "full_attention"]) for _ in range(layers)]])
    text["rope_parameters"] = r.choice([dict(rope_type="default", rope_theta=1000000.0), dict(rope_type="llama3", rope_theta=1000000, factor=16.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)])
    vision = eye(r, text["hidden_size"], fullatt_block_indexes=r.choice([ABSENT, [0]]))
    vision["num_key_value_heads"] = r.choice([n for n in (1, 2, 4) if vision["num_heads"] % n == 0])
    return "Exaone4_5_", text, vision, dict(ids(r, **IDS), tie_word_embeddings=ties(r, text)), None, {}


def ear(r, **more):
    heads = r.choice([1, 2])
    return dict(d_model=heads * 8, encoder_layers=r.choice([1, 2, 3]), encoder_attention_heads=heads, encoder_ffn_dim=r.choice([20, 33]), num_mel_bins=r.choice([8, 10, 12]), max_source_positions=r.choice([20, 30]), scale_embedding=r.choice([ABSENT, False]), dropout=r.choice([ABSENT, 0.0]), activation_function=r.choice([ABSENT, "gelu"]), **more)


@family
def qwen2_audio(r):
    text = dict(sizes(r), model_type="qwen2", rope_theta=r.choice([ABSENT, 10000.0, 1000000.0]), rope_scaling=r.choice([ABSENT, None]), use_sliding_window=r.choice([ABSENT, False]))
    return "Qwen2Audio", text, None, dict(audio_config=known(ear(r)), **ids(r, audio_token_index=60, ignore_index=-100, bos_token_id=5, pad_token_id=0)), "published", {}


@family
def ernie4_5_vl(r):
    shared = r.choice([ABSENT, 1, 2])
    text = dict(sizes(r), moe_num_experts=4 if EVEN else r.choice([2, 3, 4]), moe_k=2, moe_intermediate_size=[r.choice([8, 12]), r.choice([8, 12])], moe_num_shared_experts=shared, use_bias=r.choice([ABSENT, False]), rope_parameters={"rope_type": "default", "rope_theta": r.choice([500000.0, 10000.0]), "mrope_section": [1, 1, 2]}, router_aux_loss_coef=r.choice([ABSENT, 0.01]))
    layers = text["num_hidden_layers"]
    text["mlp_layer_types"] = r.choice([ABSENT, [r.choice(["sparse", "dense"]) for _ in range(layers)]])
    heads = r.choice([2, 4])
    vision = dict(depth=r.choice([1, 2]), hidden_size=heads * 8, num_heads=heads, intermediate_size=r.choice([20, 24]), patch_size=r.choice([2, 4]), spatial_merge_size=r.choice([ABSENT, 1, 2]), temporal_merge_size=r.choice([ABSENT, 1, 2]))
    return "Ernie4_5_VLMoe", text, vision, dict(ids(r, image_token_id=50, video_token_id=51, image_start_token_id=52), tie_word_embeddings=False), "tie", {}


def gemma4(r, **more):
    text = dict(sizes(r), head_dim=r.choice([8, 16]), global_head_dim=r.choice([ABSENT, 16, 32]), sliding_window=r.choice([ABSENT, 16]), hidden_activation=r.choice([ABSENT, "gelu_pytorch_tanh"]), hidden_act=ABSENT, num_kv_shared_layers=0, **more)
    layers = text["num_hidden_layers"]
    text["layer_types"] = r.choice([ABSENT, [*(r.choice(["sliding_attention", "full_attention"]) for _ in range(layers - 1)), "full_attention"]])
    heads = r.choice([2, 4])
    vision = dict(hidden_size=heads * 8, intermediate_size=r.choice([20, 24]), num_hidden_layers=r.choice([1, 2]), num_attention_heads=heads, num_key_value_heads=heads, head_dim=8, patch_size=r.choice([2, 4]), position_embedding_size=r.choice([16, 9]))
    return "Gemma4", text, vision, ids(r, image_token_id=50, video_token_id=51, bos_token_id=5, vision_soft_tokens_per_image=70), None, {}


@family
def gemma4_vl(r):
    vocab = r.choice([64, 128])
    kind, text, vision, rest, edit, foreign = gemma4(r, hidden_size_per_layer_input=r.choice([0, 8]), vocab_size_per_layer_input=vocab, use_double_wide_mlp=r.choice([ABSENT, True]))
    return kind, {**text, "vocab_size": vocab}, vision, rest, edit, foreign


@family
def gemma4_vl_moe(r):
    tied = r.choice([True, False])
    return gemma4(r, hidden_size_per_layer_input=0, enable_moe_block=True, num_experts=4, top_k_experts=2, moe_intermediate_size=r.choice([8, 12]), attention_k_eq_v=tied, num_global_key_value_heads=r.choice([1, 2]) if tied else ABSENT)


@family
def qwen2_5_omni(r):
    text = sizes(r)
    text |= dict(rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": r.choice([1000000.0, 500000.0])}, tie_word_embeddings=r.choice([ABSENT, False]))
    thinker = dict(text_config=text, vision_config=eye(r, text["hidden_size"]), audio_config=ear(r, n_window=r.choice([4, ABSENT]), output_dim=text["hidden_size"]), **ids(r, audio_token_index=55, image_token_index=56, position_id_per_seconds=13, seconds_per_chunk=4, vision_start_token_id=57))
    return "Qwen2_5Omni", None, None, dict(thinker_config=thinker, enable_audio_output=False), None, {}


@family
def qwen3_omni(r):
    text = sizes(r)
    text |= (dict(num_experts=4, num_experts_per_tok=2) if EVEN else experts(r)) | dict(head_dim=r.choice([8, 16]), moe_intermediate_size=r.choice([8, 12]), attention_bias=r.choice([ABSENT, False]), rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": r.choice([1000000.0, 500000.0])}, tie_word_embeddings=r.choice([ABSENT, False]))
    depth = r.choice([1, 2])
    vision = dict(eye(r, text["hidden_size"], num_position_embeddings=16, deepstack_visual_indexes=r.choice([[], [0], list(range(depth))])), depth=depth)
    thinker = dict(text_config=text, vision_config=vision, audio_config=ear(r, n_window=r.choice([4, ABSENT]), output_dim=text["hidden_size"], downsample_hidden_size=r.choice([4, 8])), **ids(r, audio_token_id=55, image_token_id=56, position_id_per_seconds=13))
    return "Qwen3OmniMoe", None, None, dict(thinker_config=thinker, enable_audio_output=False), None, {}


def deep(values):
    return {key: deep(value) if isinstance(value, dict) else value for key, value in values.items() if value is not ABSENT}


def asr(folder, seed, r):
    text = dict(invent_asr_sources.TEXT, vocab_size=r.choice([64, 72, 77]), num_hidden_layers=r.choice([2, 4]), num_key_value_heads=r.choice([1, 2, 4]), head_dim=r.choice([8, 16]), intermediate_size=r.choice([32, 40]), rope_theta=r.choice([1000000.0, 5e6]), tie_word_embeddings=r.choice([True, False]), rms_norm_eps=r.choice([1e-5, 1e-6]))
    audio = dict(invent_asr_sources.EAR, encoder_layers=r.choice([1, 2]), num_mel_bins=r.choice([8, 10]), encoder_ffn_dim=r.choice([20, 33]))
    invent_asr_sources.make(folder, text, audio)


def write_config(folder, kind, settings, foreign, edit, r):
    """config.json as the class wrote it, or no more than the chosen keys."""
    with open(f"{folder}/config.json") as file:
        written = json.load(file)
    thin = r.random() < 0.6
    if thin:
        kept = {key: written[key] for key in ("architectures", "model_type", "transformers_version", "id2label", "label2id") if key in written}
        config = {**kept, **settings}
        for name in ("text_config", "vision_config", "audio_config", "thinker_config"):
            if isinstance(config.get(name), dict):
                config[name] = {"model_type": written[name]["model_type"], **config[name]} if r.random() < 0.7 or "model_type" in config[name] else config[name]
                if name == "thinker_config":
                    config[name] = {"architectures": written[name].get("architectures"), **config[name]}
    else:
        config = written
        if "tie_word_embeddings" in settings:
            config["tie_word_embeddings"] = settings["tie_word_embeddings"]
    if "vision_config" in config:
        config["vision_config"] |= known(foreign)
    for part in (config, config.get("thinker_config", {})):
        for own in (part, part.get("text_config", {})):
            own.pop("dtype", None)
            own["torch_dtype"] = "bfloat16"
    for own in (config.get("vision_config"), config.get("audio_config")):
        if isinstance(own, dict) and "dtype" in own:
            own.pop("dtype")
            own |= r.choice([{}, {"torch_dtype": "bfloat16"}])
    if edit is not None:
        getattr(fixed, edit)(folder, config)
    return config


def make(folder, name, seed):
    r = random.Random(f"{name}-{seed}")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    number = zlib.crc32(f"{name}-{seed}".encode())
    if name == "qwen3_asr":
        asr(folder, number, r)
        return
    while True:
        kind, text, vision, rest, edit, foreign = FAMILIES[name](r)
        parts = {"text_config": text, "vision_config": vision}
        settings = deep({**{key: part for key, part in parts.items() if part is not None}, **rest})
        try:
            config = getattr(T, f"{kind}Config")(**json.loads(json.dumps(settings)))
            model = getattr(T, f"{kind}ForConditionalGeneration")(config)
        except Exception as error:
            print(name, seed, "drawn again:", str(error)[:200].replace("\n", " "), file=sys.stderr)
            continue
        break
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer(folder)
    written = write_config(folder, kind, settings, foreign, edit, r)
    tensors = {}
    for file in sorted(os.listdir(folder)):
        if "safetensors" in file or file == "generation_config.json":
            if file.endswith(".safetensors"):
                tensors |= load_file(f"{folder}/{file}")
            os.remove(f"{folder}/{file}")
    values, _ = fill({key: list(tensor.shape) for key, tensor in tensors.items()}, r, number)
    shard(folder, values, r)
    written.setdefault("architectures", [type(model).__name__])
    with open(f"{folder}/config.json", "w") as file:
        json.dump(written, file, indent=2)


if __name__ == "__main__":
    torch.set_num_threads(1)
    first = int(os.environ.get("SEED", "0"))
    for name in sys.argv[3:] or [*FAMILIES, "qwen3_asr"]:
        for seed in range(first, first + int(sys.argv[2])):
            make(os.path.join(sys.argv[1], f"{name}-{seed}"), name, seed)
