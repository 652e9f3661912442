"""Make the small invented checkpoints of vision-language models in test/fixtures.

    python invent_vision_sources.py test/fixtures [NAME...]

Needs torch, transformers and tokenizers; see invent_sources.py.
"""
import json
import os
import shutil
import sys
import zlib

import torch
import transformers as T
from invent_sources import tokenizer
from safetensors.torch import load_file, save_file

TEXT = dict(vocab_size=72, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=40, max_position_embeddings=64)
MROPE = {"rope_type": "default", "mrope_section": [1, 1, 2]}
QWEN_EYE = dict(depth=2, hidden_size=16, num_heads=2, intermediate_size=20, out_hidden_size=32, patch_size=2)
QWEN3_EYE = dict(QWEN_EYE, num_position_embeddings=16, deepstack_visual_indexes=[0, 1])
SIGLIP = dict(hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2, image_size=16, patch_size=4)
PIXTRAL = dict(hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2, head_dim=8, image_size=16, patch_size=4)
IDS = dict(image_token_id=60, video_token_id=61, vision_start_token_id=62, vision_end_token_id=63)
LLAMA4 = {"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 16.0, "original_max_position_embeddings": 16, "max_position_embeddings": 64, "beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.1}
GLM = dict(TEXT, use_qk_norm=False, head_dim=8, moe_intermediate_size=12, n_routed_experts=3, num_experts_per_tok=2, n_shared_experts=1, n_group=1, topk_group=1, partial_rotary_factor=0.5, rope_scaling=MROPE)
DELTA = dict(head_dim=16, linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=8, linear_value_head_dim=8, rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 0]})
HYBRID = dict(TEXT, num_hidden_layers=4, **DELTA)
MIXED = dict(HYBRID, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=12, shared_expert_intermediate_size=20)
EXAONE_EYE = dict(QWEN_EYE, num_heads=4, num_key_value_heads=2, fullatt_block_indexes=[1])
EXAONE = dict(TEXT, model_type="exaone4", head_dim=8, sliding_window=16, bos_token_id=1, eos_token_id=2, pad_token_id=0)
WHISPER = dict(d_model=16, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=20, num_mel_bins=8, max_source_positions=20)
ERNIE = dict(TEXT, num_hidden_layers=3, moe_num_experts=3, moe_k=2, moe_intermediate_size=[12, 8], moe_num_shared_experts=2, use_bias=False, rope_parameters={"rope_type": "default", "rope_theta": 500000.0, "mrope_section": [1, 1, 2]}, tie_word_embeddings=False)
GEMMA4_EYE = dict(hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, head_dim=8, patch_size=2, position_embedding_size=16)
GEMMA4 = dict(TEXT, num_hidden_layers=6, head_dim=8, global_head_dim=16, sliding_window=16, hidden_size_per_layer_input=0, vocab_size_per_layer_input=72)
GEMMA4_EAR = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, output_proj_dims=24, subsampling_conv_channels=[8, 4])
OMNI_EAR = dict(WHISPER, n_window=4, output_dim=32)

# name: family, text configuration, vision configuration, the rest of the configuration, then a function that edits the checkpoint
SOURCES = {
    "qwen2-5-vl-a": ("Qwen2_5_VL", dict(TEXT, rope_scaling=MROPE), dict(QWEN_EYE, fullatt_block_indexes=[1]), IDS, "flatten"),
    "qwen2-5-vl-b": ("Qwen2_5_VL", dict(TEXT, vocab_size=77, num_hidden_layers=3, tie_word_embeddings=True, rope_theta=500000.0, rope_scaling=MROPE), dict(QWEN_EYE, depth=3, window_size=8), dict(tie_word_embeddings=True)),
    "qwen3-vl-a": ("Qwen3VL", dict(TEXT, head_dim=8, rope_scaling=MROPE), QWEN3_EYE, IDS),
    "qwen3-vl-b": ("Qwen3VL", dict(TEXT, head_dim=16, num_key_value_heads=1, num_hidden_layers=3, attention_bias=True, tie_word_embeddings=True, rope_scaling=MROPE), dict(QWEN3_EYE, depth=3, deepstack_visual_indexes=[1]), dict(tie_word_embeddings=True)),
    "qwen3-vl-moe-a": ("Qwen3VLMoe", dict(TEXT, head_dim=8, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=12, rope_scaling=MROPE), QWEN3_EYE, IDS),
    "qwen3-vl-moe-b": ("Qwen3VLMoe", dict(TEXT, head_dim=16, num_hidden_layers=3, num_experts=5, num_experts_per_tok=3, moe_intermediate_size=20, rope_scaling=MROPE, rope_theta=1000000.0), dict(QWEN3_EYE, depth=3, deepstack_visual_indexes=[2]), {}),
    "qwen3-5-vl-a": ("Qwen3_5", HYBRID, dict(QWEN_EYE, num_position_embeddings=16), IDS),
    "qwen3-5-vl-b": ("Qwen3_5", dict(HYBRID, num_hidden_layers=3, layer_types=["full_attention", "linear_attention", "full_attention"], num_key_value_heads=4, vocab_size=77), dict(QWEN_EYE, depth=3, num_position_embeddings=9), dict(tie_word_embeddings=True), "predict"),
    "qwen3-5-vl-moe-a": ("Qwen3_5Moe", MIXED, dict(QWEN_EYE, num_position_embeddings=16), {}, "predict"),
    "qwen3-5-vl-moe-b": ("Qwen3_5Moe", dict(MIXED, num_hidden_layers=2, layer_types=["linear_attention", "full_attention"], num_experts=4), dict(QWEN_EYE, depth=1, num_position_embeddings=16), IDS),
    "qwen3-5-tokens-a": ("Qwen3_5", HYBRID, dict(QWEN_EYE, num_position_embeddings=16), dict(num_labels=3), "classify"),
    "qwen3-5-tokens-b": ("Qwen3_5", dict(HYBRID, num_hidden_layers=3, layer_types=["full_attention", "linear_attention", "linear_attention"], num_key_value_heads=4, vocab_size=77, linear_num_value_heads=2), dict(QWEN_EYE, depth=1, intermediate_size=24, num_position_embeddings=9), dict(num_labels=5), "classify"),
    "exaone4-5-a": ("Exaone4_5_", dict(EXAONE, layer_types=["sliding_attention", "full_attention"]), EXAONE_EYE, {}),
    "exaone4-5-b": ("Exaone4_5_", dict(EXAONE, num_hidden_layers=4, vocab_size=77, num_key_value_heads=4), dict(EXAONE_EYE, depth=3, num_key_value_heads=4), IDS),
    "qwen2-audio-a": ("Qwen2Audio", dict(TEXT, model_type="qwen2"), None, dict(audio_config=WHISPER), "published"),
    "qwen2-audio-b": ("Qwen2Audio", dict(TEXT, model_type="qwen2", num_hidden_layers=3, vocab_size=77, rope_theta=500000.0), None, dict(audio_config=dict(WHISPER, encoder_layers=1, encoder_ffn_dim=24), audio_token_index=60), "published"),
    "ernie4-5-vl-a": ("Ernie4_5_VLMoe", ERNIE, dict(depth=2, hidden_size=16, num_heads=2, intermediate_size=20, patch_size=2), dict(tie_word_embeddings=False), "tie"),
    "ernie4-5-vl-b": ("Ernie4_5_VLMoe", dict(ERNIE, num_hidden_layers=2, mlp_layer_types=["sparse", "dense"], moe_num_experts=4, moe_intermediate_size=[8, 16], num_key_value_heads=4), dict(depth=1, hidden_size=32, num_heads=4, intermediate_size=24, patch_size=2), dict(tie_word_embeddings=False), "tie"),
    "gemma4-vl-a": ("Gemma4", dict(GEMMA4, vocab_size=128, vocab_size_per_layer_input=128, hidden_size_per_layer_input=8), GEMMA4_EYE, {}),
    "gemma4-vl-moe-a": ("Gemma4", dict(GEMMA4, enable_moe_block=True, num_experts=4, top_k_experts=2, moe_intermediate_size=12, num_global_key_value_heads=1, attention_k_eq_v=True), GEMMA4_EYE, {}),
    "gemma4-audio-a": ("Gemma4", dict(GEMMA4, vocab_size=128, vocab_size_per_layer_input=128, hidden_size_per_layer_input=8), GEMMA4_EYE, dict(audio_config=GEMMA4_EAR)),
    "gemma4-audio-b": ("Gemma4", dict(GEMMA4, enable_moe_block=True, num_experts=4, top_k_experts=2, moe_intermediate_size=12, num_global_key_value_heads=1, attention_k_eq_v=True), dict(GEMMA4_EYE, use_clipped_linears=True), dict(audio_config=dict(GEMMA4_EAR, num_hidden_layers=1, hidden_size=32, num_attention_heads=4, conv_kernel_size=3, output_proj_dims=12, use_clipped_linears=False, subsampling_conv_channels=[4, 8]))),
    "qwen2-5-omni-a": ("Qwen2_5Omni", None, None, dict(thinker_config=dict(text_config=dict(TEXT, rope_parameters=dict(MROPE, rope_theta=1000000.0)), vision_config=QWEN_EYE, audio_config=OMNI_EAR), enable_audio_output=False)),
    "qwen3-omni-a": ("Qwen3OmniMoe", None, None, dict(thinker_config=dict(text_config=dict(TEXT, head_dim=8, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=12, rope_parameters=dict(MROPE, rope_theta=1000000.0)), vision_config=QWEN3_EYE, audio_config=dict(OMNI_EAR, downsample_hidden_size=8)), enable_audio_output=False)),
    "qwen2-5-omni-b": ("Qwen2_5Omni", None, None, dict(thinker_config=dict(text_config=dict(TEXT, vocab_size=77, num_hidden_layers=3, num_key_value_heads=4, rope_parameters=dict(MROPE, rope_theta=500000.0)), vision_config=dict(QWEN_EYE, depth=1), audio_config=dict(OMNI_EAR, encoder_layers=1, encoder_ffn_dim=24), audio_token_index=60), enable_audio_output=False)),
    "qwen3-omni-b": ("Qwen3OmniMoe", None, None, dict(thinker_config=dict(text_config=dict(TEXT, head_dim=16, num_experts=4, num_experts_per_tok=3, moe_intermediate_size=20, num_hidden_layers=3, rope_parameters=dict(MROPE, rope_theta=500000.0)), vision_config=dict(QWEN3_EYE, deepstack_visual_indexes=[1]), audio_config=dict(OMNI_EAR, encoder_layers=1, downsample_hidden_size=4, num_mel_bins=10)), enable_audio_output=False)),
    "gemma3-vl-a": ("Gemma3", dict(TEXT, head_dim=16, sliding_window=16), SIGLIP, dict(mm_tokens_per_image=4)),
    "gemma3-vl-b": ("Gemma3", dict(TEXT, head_dim=8, num_hidden_layers=6, num_key_value_heads=1, query_pre_attn_scalar=24, rope_scaling={"rope_type": "linear", "factor": 8.0}), dict(SIGLIP, num_hidden_layers=1, num_attention_heads=4), dict(mm_tokens_per_image=16, boi_token_index=50, eoi_token_index=51, image_token_index=52)),
    "mistral3-a": ("Mistral3", dict(TEXT, model_type="mistral", hidden_size=4, num_attention_heads=32, num_key_value_heads=8, head_dim=128, rope_parameters=LLAMA4), PIXTRAL, {}),
    "mistral3-c": ("Mistral3", dict(TEXT, model_type="mistral", vocab_size=77, hidden_size=8, num_hidden_layers=1, intermediate_size=24, num_attention_heads=32, num_key_value_heads=8, head_dim=128, tie_word_embeddings=True, rope_parameters=dict(LLAMA4, factor=8.0, llama_4_scaling_beta=0.2)), dict(PIXTRAL, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=24), dict(spatial_merge_size=1, multimodal_projector_bias=True, image_token_index=60, tie_word_embeddings=True)),
    "mistral3-fp8": ("Mistral3", dict(TEXT, model_type="mistral", vocab_size=72, hidden_size=8, num_hidden_layers=1, num_attention_heads=32, num_key_value_heads=8, head_dim=128, rope_parameters=LLAMA4), dict(PIXTRAL, num_hidden_layers=1), {}, "float8"),
    "glm4v-moe-a": ("Glm4vMoe", dict(GLM, first_k_dense_replace=1), dict(depth=2, hidden_size=16, num_heads=2, intermediate_size=20, out_hidden_size=32, image_size=8, patch_size=2, in_channels=3), dict(image_token_id=60)),
    "glm4v-moe-b": ("Glm4vMoe", dict(GLM, num_hidden_layers=3, first_k_dense_replace=2, attention_bias=True, routed_scaling_factor=2.5), dict(depth=1, hidden_size=16, num_heads=4, intermediate_size=24, out_hidden_size=32, image_size=8, patch_size=4, in_channels=3), {}),
}


def flatten(folder, config):
    """The configuration as the model's own authors publish it: the language model's keys beside the vision model's."""
    text = config.pop("text_config")
    for key, value in text.items():
        if key not in ("model_type", "dtype", "torch_dtype"):
            config.setdefault(key, value)


def published(folder, config):
    """Names as in the published checkpoints, where transformers 5 writes others."""
    tensors = {name.replace(".model.model.", ".model."): tensor for name, tensor in load_file(f"{folder}/model.safetensors").items()}
    save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})


def tie(folder, config):
    """Tied embeddings whose output layer is stored all the same."""
    config["tie_word_embeddings"] = config["text_config"]["tie_word_embeddings"] = True


def predict(folder, config):
    """A multi-token prediction layer like the decoder's last one."""
    tensors = load_file(f"{folder}/model.safetensors")
    text = config["text_config"]
    text["mtp_num_hidden_layers"] = 1
    hidden, last = text["hidden_size"], f"model.language_model.layers.{text['num_hidden_layers'] - 1}."
    generator = torch.Generator().manual_seed(1)
    shapes = {f"mtp.layers.0.{name.removeprefix(last)}": tensor.shape for name, tensor in tensors.items() if name.startswith(last)}
    shapes |= {"mtp.fc.weight": (hidden, 2 * hidden), "mtp.norm.weight": (hidden,), "mtp.pre_fc_norm_embedding.weight": (hidden,), "mtp.pre_fc_norm_hidden.weight": (hidden,)}
    for name, shape in shapes.items():
        tensors[name] = torch.empty(shape).uniform_(-0.08, 0.08, generator=generator).bfloat16()
    save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})


def classify(folder, config):
    """A head over labels in the place of the output layer."""
    tensors = load_file(f"{folder}/model.safetensors")
    head = tensors.pop("lm_head.weight")
    labels = len(config["id2label"])
    tensors["score.weight"], tensors["score.bias"] = head[:labels].clone(), head[labels + 1, :labels].clone()
    save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})
    config["architectures"] = ["Qwen3_5ForTokenClassification"]


def float8(folder, config):
    """Float8 with a scale for each weight of the language model and one for what it is multiplied with, as published."""
    tensors = load_file(f"{folder}/model.safetensors")
    generator = torch.Generator().manual_seed(1)
    for at, name in enumerate([name for name in tensors if "layers" in name and name.endswith("_proj.weight") and "vision" not in name]):
        scale = torch.rand((), generator=generator) * 0.001 + 0.0001
        tensors[name] = (tensors[name].float() / scale).clamp(-448, 448).to(torch.float8_e4m3fn)
        tensors[f"{name}_scale_inv"] = scale if at % 2 else scale.bfloat16()
        tensors[f"{name.removesuffix('weight')}activation_scale"] = scale.bfloat16()
    save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})
    config["quantization_config"] = dict(activation_scheme="static", dequantize=False, modules_to_not_convert=["model.vision_tower", "model.multi_modal_projector", "lm_head"], quant_method="fp8", weight_block_size=None)


def processor(folder):
    """What an image processor reads; a conversion leaves it alone."""
    with open(f"{folder}/preprocessor_config.json", "w") as file:
        json.dump({"image_processor_type": "Qwen2VLImageProcessor", "patch_size": 2, "merge_size": 2}, file, indent=2)


def make(folder, family, text, vision, rest, edit=None):
    parts = {"text_config": text, "vision_config": vision}
    config = getattr(T, f"{family}Config")(**{key: part for key, part in parts.items() if part is not None}, **rest)
    model = getattr(T, f"{family}ForConditionalGeneration")(config).to(torch.bfloat16)
    generator = torch.Generator().manual_seed(zlib.crc32(os.path.basename(folder).encode()))
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point() and "inv_freq" not in name:
                values = torch.empty(tensor.shape).uniform_(-0.08, 0.08, generator=generator)
                tensor.copy_(values + 1 if "norm" in name and tensor.dim() == 1 else values)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    tokenizer(folder)
    processor(folder)
    with open(f"{folder}/config.json") as file:
        written = json.load(file)
    for part in (written, *(value for value in written.values() if isinstance(value, dict))):
        if "dtype" in part:
            part["torch_dtype"] = part.pop("dtype")
    language = written.get("thinker_config", written)
    language["torch_dtype"] = language["text_config"]["torch_dtype"] = "bfloat16"
    # Which part says it depends on the version of transformers that writes.
    written["tie_word_embeddings"] = rest.get("tie_word_embeddings", False)
    written["architectures"] = [type(model).__name__]
    if edit is not None:
        globals()[edit](folder, written)
    with open(f"{folder}/config.json", "w") as file:
        json.dump(written, file, indent=2)
    if os.path.exists(f"{folder}/generation_config.json"):
        os.remove(f"{folder}/generation_config.json")


if __name__ == "__main__":
    for name in sys.argv[2:] or SOURCES:
        make(os.path.join(sys.argv[1], name), *SOURCES[name])
