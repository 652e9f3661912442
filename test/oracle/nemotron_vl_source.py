"""Make a checkpoint of NemotronH_Nano_VL_V2: a narrow language model behind the full-size vision model, 1.5 GB.

    python nemotron_vl_source.py OUT

The Bridge builds RADIO's large model whatever the configuration says, so this source is too large to keep; it is for
comparing with the real stack once. The pattern of layers is a constant in 0.3.1.
"""
import json
import os
import sys

import torch
from invent_sources import tokenizer
from safetensors.torch import save_file

PATTERN = "M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M-"
CODE = '''
from transformers.configuration_utils import PretrainedConfig


class Inner(PretrainedConfig):
    model_type = "nemotron_h"


class Config(PretrainedConfig):
    model_type = "NemotronH_Nano_VL_V2"

    def __init__(self, llm_config=None, vision_config=None, **values):
        super().__init__(**values)
        self.llm_config = Inner(**(llm_config or {}))
        self.vision_config = Inner(**(vision_config or {}))
'''
HIDDEN, WIDTH, HEADS, GROUPS, SIZE, VOCABULARY = 32, 40, 4, 2, 8, 72
EYE, EYE_WIDTH, EYE_LAYERS = 1280, 5120, 32
INNER, STATE, MIXERS = 128 * 80, 8 * 128, 128


def main(out):
    generator = torch.Generator().manual_seed(1)
    tensors = {}

    def weight(name, *shape):
        tensors[name] = torch.empty(*shape, dtype=torch.bfloat16).uniform_(-0.08, 0.08, generator=generator)

    def both(name, outputs, *inputs):
        weight(f"{name}.weight", outputs, *inputs)
        weight(f"{name}.bias", outputs)

    lm = "language_model.backbone"
    weight(f"{lm}.embeddings.weight", VOCABULARY, HIDDEN)
    weight(f"{lm}.norm_f.weight", HIDDEN)
    weight("language_model.lm_head.weight", VOCABULARY, HIDDEN)
    for i, kind in enumerate(PATTERN):
        layer = f"{lm}.layers.{i}"
        weight(f"{layer}.norm.weight", HIDDEN)
        mixer = f"{layer}.mixer"
        if kind == "M":
            weight(f"{mixer}.in_proj.weight", 2 * INNER + 2 * STATE + MIXERS, HIDDEN)
            weight(f"{mixer}.conv1d.weight", INNER + 2 * STATE, 1, 4)
            weight(f"{mixer}.conv1d.bias", INNER + 2 * STATE)
            for name in ("A_log", "D", "dt_bias"):
                weight(f"{mixer}.{name}", MIXERS)
            weight(f"{mixer}.norm.weight", INNER)
            weight(f"{mixer}.out_proj.weight", HIDDEN, INNER)
        elif kind == "*":
            for name, heads in {"q": HEADS, "k": GROUPS, "v": GROUPS}.items():
                weight(f"{mixer}.{name}_proj.weight", heads * SIZE, HIDDEN)
            weight(f"{mixer}.o_proj.weight", HIDDEN, HEADS * SIZE)
        else:
            weight(f"{mixer}.up_proj.weight", WIDTH, HIDDEN)
            weight(f"{mixer}.down_proj.weight", HIDDEN, WIDTH)
    eye = "vision_model.radio_model.model"
    weight(f"{eye}.patch_generator.cls_token.token", 16, EYE)
    weight(f"{eye}.patch_generator.pos_embed", 1, 128 * 128, EYE)
    weight(f"{eye}.patch_generator.embedder.weight", EYE, 768)
    for i in range(EYE_LAYERS):
        block = f"{eye}.blocks.{i}"
        both(f"{block}.norm1", EYE)
        both(f"{block}.norm2", EYE)
        both(f"{block}.attn.qkv", 3 * EYE, EYE)
        both(f"{block}.attn.proj", EYE, EYE)
        both(f"{block}.mlp.fc1", EYE_WIDTH, EYE)
        both(f"{block}.mlp.fc2", EYE, EYE_WIDTH)
    weight("mlp1.0.weight", 4 * EYE)
    weight("mlp1.1.weight", 20480, 4 * EYE)
    weight("mlp1.3.weight", HIDDEN, 20480)
    os.makedirs(out, exist_ok=True)
    save_file(tensors, f"{out}/model.safetensors", metadata={"format": "pt"})
    llm = dict(num_hidden_layers=len(PATTERN), hidden_size=HIDDEN, intermediate_size=WIDTH, num_attention_heads=HEADS, num_key_value_heads=GROUPS, head_dim=SIZE, vocab_size=VOCABULARY, max_position_embeddings=64, initializer_range=0.02, tie_word_embeddings=False, hybrid_override_pattern=PATTERN, torch_dtype="bfloat16")
    config = dict(architectures=["NemotronH_Nano_VL_V2"], auto_map=dict(AutoConfig="configuration_source.Config", AutoModelForCausalLM="modeling_source.NemotronH_Nano_VL_V2"), model_type="NemotronH_Nano_VL_V2", torch_dtype="bfloat16", llm_config=llm, vision_config={})
    with open(f"{out}/config.json", "w") as file:
        json.dump(config, file, indent=1)
    with open(f"{out}/configuration_source.py", "w") as file:
        file.write(CODE)
    tokenizer(out)


if __name__ == "__main__":
    main(sys.argv[1])
