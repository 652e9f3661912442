"""Make the sources of test/wide: narrow language models behind RADIO's large model, which the Bridge builds whatever the
configuration says. Their weights, gigabytes, are told by weights.json and made from it by `write_weights` here and by the test.

    python invent_wide_sources.py test/wide [NAME...]

Needs torch and, for the tokenizer, what invent_sources.py needs. 0.3.1 has the layer pattern and Mamba's sizes of
NemotronH_Nano_VL_V2 as constants.
"""
import json
import os
import shutil
import sys

import numpy as np
from invent_sources import tokenizer

PATTERN = "M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M-"
CODE = '''
from transformers.configuration_utils import PretrainedConfig


class Inner(PretrainedConfig):
    model_type = "nemotron_h"


class Sound(PretrainedConfig):
    model_type = "parakeet"

    def __init__(self, hidden_size=1024, num_attention_heads=8, num_hidden_layers=24, intermediate_size=4096, conv_kernel_size=31, feat_in=80, subsampling_factor=8, projection_hidden_size=20480, projection_bias=True, sampling_rate=16000, **values):
        super().__init__(**values)
        own = {key: value for key, value in locals().items() if key not in ("self", "values", "__class__")}
        for key, value in own.items():
            setattr(self, key, value)


class Config(PretrainedConfig):
    model_type = "ARCHITECTURE"

    def __init__(self, llm_config=None, vision_config=None, sound_config=None, **values):
        super().__init__(**values)
        self.llm_config = Inner(**(llm_config or {}))
        self.vision_config = Inner(**(vision_config or {}))
        self.sound_config = None if sound_config is None else Sound(**sound_config)
'''
LANGUAGE = dict(
    hidden_size=32, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, head_dim=8, vocab_size=72,
    max_position_embeddings=64, initializer_range=0.02, tie_word_embeddings=False, torch_dtype="bfloat16",
)
MAMBA = dict(mamba_num_heads=4, mamba_head_dim=8, n_groups=2, ssm_state_size=8, conv_kernel=4, chunk_size=16)
NEMOTRON = dict(
    LANGUAGE, **MAMBA, model_type="nemotron_h", layer_norm_epsilon=1e-5, residual_in_fp32=False, mlp_bias=False, attention_bias=False, use_bias=False,
    mlp_hidden_act="relu2", rope_theta=10000, partial_rotary_factor=1.0, attention_dropout=0.0, hidden_dropout=0.0,
)
MOE = dict(
    n_routed_experts=3, n_shared_experts=1, num_experts_per_tok=2, moe_intermediate_size=12, n_group=1, topk_group=1,
    moe_shared_expert_intermediate_size=20, norm_topk_prob=True, routed_scaling_factor=2.5,
)
SOUND = dict(
    model_type="parakeet", hidden_size=16, num_attention_heads=2, num_hidden_layers=2, intermediate_size=24, conv_kernel_size=9,
    convolution_bias=False, subsampling_conv_channels=256, subsampling_conv_kernel_size=3, subsampling_conv_stride=2,
    subsampling_factor=8, num_mel_bins=16, projection_hidden_size=20, projection_bias=False, sampling_rate=16000,
)
OMNI = dict(img_context_token_id=18, video_context_token_id=71, projector_hidden_size=64, vit_hidden_size=1280)
NANO, SUPER, VL = "NemotronH_Nano_Omni_Reasoning_V3", "NemotronH_Super_Omni_Reasoning_V3", "NemotronH_Nano_VL_V2"
# What the Bridge has as constants.
FIXED = dict(mamba_num_heads=128, mamba_head_dim=80, n_groups=8, ssm_state_size=128, conv_kernel=4)

# name: architecture, language model, vision model, the rest
SOURCES = {
    "nemotron-vl-a": (VL, dict(LANGUAGE, hybrid_override_pattern=PATTERN), {}, {}),
    "nemotron-vl-b": (VL, dict(LANGUAGE, hybrid_override_pattern=PATTERN, hidden_size=16, intermediate_size=24, num_attention_heads=8, num_key_value_heads=1, head_dim=16, vocab_size=77, mlp_bias=False, rms_norm_eps=1e-6), {}, {}),
    "nemotron-vl-tied": (VL, dict(LANGUAGE, hybrid_override_pattern=PATTERN, hidden_size=16, intermediate_size=24, num_attention_heads=8, num_key_value_heads=1, head_dim=16, vocab_size=77, mlp_bias=False, tie_word_embeddings=True, rms_norm_eps=1e-6), {}, {}),
    "nemotron-vl-moe": (VL, dict(NEMOTRON, **MOE, hybrid_override_pattern="ME*"), dict(separate_video_embedder=True), dict(projector_hidden_size=48)),
    "nemotron-omni-a": (NANO, dict(NEMOTRON, **MOE, hybrid_override_pattern="MEM*-"), dict(separate_video_embedder=True, video_temporal_patch_size=2), dict(OMNI, sound_context_token_id=27, sound_config=SOUND)),
    "nemotron-omni-b": (NANO, dict(NEMOTRON, **MOE, hybrid_override_pattern="*EM", hidden_size=16, num_key_value_heads=4, n_groups=4, vocab_size=77, residual_in_fp32=True, tie_word_embeddings=True), dict(separate_video_embedder=True, video_temporal_patch_size=1), dict(OMNI, sound_context_token_id=30, sound_config=dict(SOUND, hidden_size=32, num_attention_heads=4, num_hidden_layers=1, conv_kernel_size=5, convolution_bias=True, subsampling_factor=4, num_mel_bins=10, projection_hidden_size=8))),
    "nemotron-omni-super": (SUPER, dict(NEMOTRON, **MOE, hybrid_override_pattern="ME*E", moe_latent_size=16, num_nextn_predict_layers=2, mtp_hybrid_override_pattern="*E"), {}, dict(OMNI, img_context_token_id=20)),
}


def mixer(c, kind):
    hidden = c["hidden_size"]
    if kind == "M":
        heads, inner, state = c["mamba_num_heads"], c["mamba_num_heads"] * c["mamba_head_dim"], c["n_groups"] * c["ssm_state_size"]
        yield "in_proj.weight", (2 * inner + 2 * state + heads, hidden)
        yield "conv1d.weight", (inner + 2 * state, 1, c["conv_kernel"])
        yield "conv1d.bias", (inner + 2 * state,)
        for name in ("A_log", "D", "dt_bias"):
            yield name, (heads,)
        yield "norm.weight", (inner,)
        yield "out_proj.weight", (hidden, inner)
    elif kind == "*":
        width = c["num_attention_heads"] * c["head_dim"]
        keys = c["num_key_value_heads"] * c["head_dim"]
        yield "q_proj.weight", (width, hidden)
        yield "k_proj.weight", (keys, hidden)
        yield "v_proj.weight", (keys, hidden)
        yield "o_proj.weight", (hidden, width)
    elif kind == "E":
        latent = c.get("moe_latent_size") or hidden
        yield "gate.weight", (c["n_routed_experts"], hidden)
        yield "gate.e_score_correction_bias", (c["n_routed_experts"],)
        if latent != hidden:
            yield "fc1_latent_proj.weight", (latent, hidden)
            yield "fc2_latent_proj.weight", (hidden, latent)
        for e in range(c["n_routed_experts"]):
            yield f"experts.{e}.up_proj.weight", (c["moe_intermediate_size"], latent)
            yield f"experts.{e}.down_proj.weight", (latent, c["moe_intermediate_size"])
        yield "shared_experts.up_proj.weight", (c["moe_shared_expert_intermediate_size"], hidden)
        yield "shared_experts.down_proj.weight", (hidden, c["moe_shared_expert_intermediate_size"])
    else:
        yield "up_proj.weight", (c["intermediate_size"], hidden)
        yield "down_proj.weight", (hidden, c["intermediate_size"])


def layers(c, at, pattern):
    for i, kind in enumerate(pattern):
        yield f"{at}.{i}.norm.weight", (c["hidden_size"],)
        for name, shape in mixer(c, kind):
            yield f"{at}.{i}.mixer.{name}", shape


def language(c):
    hidden = c["hidden_size"]
    yield "language_model.backbone.embeddings.weight", (c["vocab_size"], hidden)
    yield "language_model.backbone.norm_f.weight", (hidden,)
    yield from layers(c, "language_model.backbone.layers", c["hybrid_override_pattern"])
    if not c["tie_word_embeddings"]:
        yield "language_model.lm_head.weight", (c["vocab_size"], hidden)
    predicted = c.get("mtp_hybrid_override_pattern", "")
    depths = c.get("num_nextn_predict_layers", 0)
    yield from layers(c, "mtp.layers", predicted * depths)
    for depth in range(depths):
        first, last = depth * len(predicted), (depth + 1) * len(predicted) - 1
        for name in ("enorm", "hnorm"):
            yield f"mtp.layers.{first}.{name}.weight", (hidden,)
        yield f"mtp.layers.{first}.eh_proj.weight", (hidden, 2 * hidden)
        yield f"mtp.layers.{last}.final_layernorm.weight", (hidden,)


def both(name, outputs, *inputs):
    yield f"{name}.weight", (outputs, *inputs)
    yield f"{name}.bias", (outputs,)


def vision(c, tokens, frames):
    eye, width = 1280, 5120
    at = "vision_model.radio_model"
    yield f"{at}.input_conditioner.norm_mean", (3, 1, 1)
    yield f"{at}.input_conditioner.norm_std", (3, 1, 1)
    yield f"{at}.model.patch_generator.cls_token.token", (tokens, eye)
    yield f"{at}.model.patch_generator.pos_embed", (1, 128 * 128, eye)
    yield f"{at}.model.patch_generator.embedder.weight", (eye, 768)
    if frames > 1:
        yield f"{at}.model.patch_generator.video_embedder.weight", (eye, 768 * frames)
    for i in range(32):
        block = f"{at}.model.blocks.{i}"
        yield from both(f"{block}.norm1", eye)
        yield from both(f"{block}.norm2", eye)
        yield from both(f"{block}.attn.qkv", 3 * eye, eye)
        yield from both(f"{block}.attn.proj", eye, eye)
        yield from both(f"{block}.mlp.fc1", width, eye)
        yield from both(f"{block}.mlp.fc2", eye, width)
    yield "mlp1.0.weight", (4 * eye,)
    yield "mlp1.1.weight", (c["projector"], 4 * eye)
    yield "mlp1.3.weight", (c["hidden_size"], c["projector"])


def sound(c, hidden):
    own, channels, bias = c["hidden_size"], 256, c["convolution_bias"]
    at = "sound_encoder.encoder"
    yield f"{at}.feature_extractor.featurizer.fb", (1, c["num_mel_bins"], 257)
    yield f"{at}.feature_extractor.featurizer.window", (400,)
    stages = c["subsampling_factor"].bit_length() - 1
    yield from both(f"{at}.subsampling.layers.0", channels, 1, 3, 3)
    for i in range(1, stages):
        yield from both(f"{at}.subsampling.layers.{3 * i - 1}", channels, 1, 3, 3)
        yield from both(f"{at}.subsampling.layers.{3 * i}", channels, channels, 1, 1)
    yield from both(f"{at}.subsampling.linear", own, channels * (c["num_mel_bins"] // c["subsampling_factor"]))

    def linear(name, outputs, *inputs):
        yield from both(name, outputs, *inputs) if bias else [(f"{name}.weight", (outputs, *inputs))]

    for i in range(c["num_hidden_layers"]):
        layer = f"{at}.layers.{i}"
        for n in (1, 2):
            yield from linear(f"{layer}.feed_forward{n}.linear1", c["intermediate_size"], own)
            yield from linear(f"{layer}.feed_forward{n}.linear2", own, c["intermediate_size"])
            yield from both(f"{layer}.norm_feed_forward{n}", own)
        for name in "qkvo":
            yield from linear(f"{layer}.self_attn.{name}_proj", own, own)
        yield f"{layer}.self_attn.relative_k_proj.weight", (own, own)
        for name in "uv":
            yield f"{layer}.self_attn.bias_{name}", (c["num_attention_heads"], own // c["num_attention_heads"])
        yield from linear(f"{layer}.conv.pointwise_conv1", 2 * own, own, 1)
        yield from linear(f"{layer}.conv.depthwise_conv", own, 1, c["conv_kernel_size"])
        yield from linear(f"{layer}.conv.pointwise_conv2", own, own, 1)
        yield from both(f"{layer}.conv.norm", own)
        for name in ("running_mean", "running_var"):
            yield f"{layer}.conv.norm.{name}", (own,)
        yield f"{layer}.conv.norm.num_batches_tracked", ()
        for name in ("self_att", "conv", "out"):
            yield from both(f"{layer}.norm_{name}", own)
    yield "sound_projection.norm.weight", (own,)
    yield "sound_projection.linear1.weight", (c["projection_hidden_size"], own)
    yield "sound_projection.linear2.weight", (hidden, c["projection_hidden_size"])


def dtype(name):
    if name.endswith("num_batches_tracked"):
        return "I64"
    return "F32" if "e_score_correction_bias" in name or "input_conditioner" in name or "featurizer" in name else "BF16"


def make(folder, architecture, llm, eye, rest):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    own = dict(FIXED, **llm) if "mamba_num_heads" not in llm else llm
    is_omni = "n_routed_experts" in llm
    frames = eye.get("video_temporal_patch_size", 2) if eye.get("separate_video_embedder") else 1
    shapes = [*language(own), *vision(dict(own, projector=rest.get("projector_hidden_size", 20480)), 10 if is_omni else 16, frames)]
    if "sound_config" in rest:
        shapes += sound(rest["sound_config"], llm["hidden_size"])
    with open(f"{folder}/weights.json", "w") as file:
        rows = ",\n".join(f"{json.dumps(name)}:{json.dumps([dtype(name), *shape], separators=(',', ':'))}" for name, shape in shapes)
        file.write(f"{{\n{rows}\n}}\n")
    llm = dict(llm, num_hidden_layers=len(llm["hybrid_override_pattern"]))
    auto = dict(AutoConfig="configuration_source.Config", AutoModelForCausalLM=f"modeling_source.{architecture}")
    config = dict(architectures=[architecture], auto_map=auto, model_type=architecture, torch_dtype="bfloat16", llm_config=llm, vision_config=eye, **rest)
    with open(f"{folder}/config.json", "w") as file:
        json.dump(config, file, indent=1)
    with open(f"{folder}/configuration_source.py", "w") as file:
        file.write(CODE.replace("ARCHITECTURE", architecture))
    tokenizer(folder)


BYTES = {"BF16": 2, "F32": 4, "I64": 8}
# A prime number of 16-bit words, so that no two rows of a matrix are equal; none is the upper half of a NaN or an infinity.
PERIOD, STEP, FINITE = 65521, 40503, 0xBFFF


def write_weights(folder, path):
    """The file that weights.json tells of: its data are the words `k * STEP & FINITE`, k counting up to PERIOD again and again."""
    with open(f"{folder}/weights.json") as file:
        table = json.load(file)
    header, at = {}, 0
    for name, (kind, *shape) in table.items():
        size = BYTES[kind] * int(np.prod(shape, dtype=np.int64))
        header[name] = dict(dtype=kind, shape=shape, data_offsets=[at, at + size])
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    block = (np.arange(PERIOD, dtype=np.uint32) * STEP & FINITE).astype("<u2").tobytes()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for done in range(0, at, len(block)):
            file.write(block[: at - done])


if __name__ == "__main__":
    for name in sys.argv[2:] or SOURCES:
        make(os.path.join(sys.argv[1], name), *SOURCES[name])
