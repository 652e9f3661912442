"""Make small invented checkpoints of Qwen3-ASR, whose classes only the Bridge has.

    python invent_asr_sources.py test/fixtures [NAME...]
"""
import json
import os
import sys
import zlib

import torch
from invent_sources import tokenizer
from safetensors.torch import save_file

EAR = dict(d_model=16, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=20, num_mel_bins=8, max_source_positions=20, n_window=4, output_dim=32, downsample_hidden_size=8)
TEXT = dict(vocab_size=72, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8, intermediate_size=40, max_position_embeddings=64, rope_theta=1000000.0, rope_scaling={"rope_type": "default", "mrope_section": [1, 1, 2]}, tie_word_embeddings=False)

SOURCES = {
    "qwen3-asr-a": (TEXT, EAR),
    "qwen3-asr-b": (dict(TEXT, vocab_size=77, num_hidden_layers=3, head_dim=16, num_key_value_heads=4, tie_word_embeddings=True), dict(EAR, encoder_layers=1, num_mel_bins=10, downsample_hidden_size=4)),
}


def tensors_of(text, ear, generator):
    tensors = {}

    def weight(name, *shape):
        values = torch.empty(*shape).uniform_(-0.08, 0.08, generator=generator)
        tensors[f"thinker.{name}"] = (values + 1 if "norm" in name and len(shape) == 1 else values).bfloat16()

    def linear(name, outputs, *inputs, bias=True):
        weight(f"{name}.weight", outputs, *inputs)
        if bias:
            weight(f"{name}.bias", outputs)

    hidden, size = text["hidden_size"], text["head_dim"]
    weight("model.embed_tokens.weight", text["vocab_size"], hidden)
    weight("model.norm.weight", hidden)
    if not text["tie_word_embeddings"]:
        weight("lm_head.weight", text["vocab_size"], hidden)
    for i in range(text["num_hidden_layers"]):
        layer = f"model.layers.{i}"
        for name, heads in {"q": text["num_attention_heads"], "k": text["num_key_value_heads"], "v": text["num_key_value_heads"]}.items():
            linear(f"{layer}.self_attn.{name}_proj", heads * size, hidden, bias=False)
        linear(f"{layer}.self_attn.o_proj", hidden, text["num_attention_heads"] * size, bias=False)
        for name in ("q_norm", "k_norm"):
            weight(f"{layer}.self_attn.{name}.weight", size)
        for name in ("gate", "up"):
            linear(f"{layer}.mlp.{name}_proj", text["intermediate_size"], hidden, bias=False)
        linear(f"{layer}.mlp.down_proj", hidden, text["intermediate_size"], bias=False)
        for name in ("input_layernorm", "post_attention_layernorm"):
            weight(f"{layer}.{name}.weight", hidden)
    width, channels, bins = ear["d_model"], ear["downsample_hidden_size"], ear["num_mel_bins"]
    for i, inputs in enumerate((1, channels, channels)):
        linear(f"audio_tower.conv2d{i + 1}", channels, inputs, 3, 3)
        bins = (bins + 1) // 2
    linear("audio_tower.conv_out", width, channels * bins, bias=False)
    for i in range(ear["encoder_layers"]):
        layer = f"audio_tower.layers.{i}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            linear(f"{layer}.self_attn.{name}", width, width)
        for name in ("self_attn_layer_norm", "final_layer_norm"):
            linear(f"{layer}.{name}", width)
        linear(f"{layer}.fc1", ear["encoder_ffn_dim"], width)
        linear(f"{layer}.fc2", width, ear["encoder_ffn_dim"])
    linear("audio_tower.ln_post", width)
    linear("audio_tower.proj1", width, width)
    linear("audio_tower.proj2", ear["output_dim"], width)
    return tensors


def make(folder, text, ear):
    os.makedirs(folder, exist_ok=True)
    generator = torch.Generator().manual_seed(zlib.crc32(os.path.basename(folder).encode()))
    save_file(tensors_of(text, ear, generator), f"{folder}/model.safetensors", metadata={"format": "pt"})
    thinker = dict(model_type="qwen3_asr_thinker", torch_dtype="bfloat16", text_config=dict(text, torch_dtype="bfloat16"), audio_config=ear)
    config = dict(architectures=["Qwen3ASRForConditionalGeneration"], model_type="qwen3_asr", torch_dtype="bfloat16", thinker_config=thinker)
    with open(f"{folder}/config.json", "w") as file:
        json.dump(config, file, indent=2)
    tokenizer(folder)


if __name__ == "__main__":
    for name in sys.argv[2:] or SOURCES:
        make(os.path.join(sys.argv[1], name), *SOURCES[name])
