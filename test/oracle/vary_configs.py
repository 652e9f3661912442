"""Copies of checkpoints whose config.json says things as people's do: keys left out, null, other values, older or newer names.

    python vary_configs.py OUT COUNT SOURCE...     # OUT/<source>-<seed>/, seeds counted from SEED (environment, default 0)

A seed makes the same copies each time; OUT/<copy>/changes.txt tells what was changed. Sources are those of test/fixtures or what
invent_random.py and make_sources.py make. Compare them with record_imports.py: what the real stack refuses is to be refused.
"""
import json
import os
import random
import shutil
import sys

PARTS = ("text_config", "llm_config", "vision_config", "audio_config", "thinker_config", "sound_config")
# Another value of these contradicts the tensors.
SIZES = ("hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads", "intermediate_size", "depth", "num_heads", "width", "layers", "heads", "model_type", "architectures", "auto_map", "hybrid_override_pattern")
ROPES = [
    None, {}, {"rope_type": "default"}, {"type": "linear", "factor": 2}, {"rope_type": "dynamic", "factor": 2.0},
    {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32},
    {"type": "yarn", "factor": 8.0, "original_max_position_embeddings": 16, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 0.707},
    {"type": "longrope", "long_factor": [1.0, 2.0], "short_factor": [1.0, 1.5], "original_max_position_embeddings": 32},
]
LABELS = [{"id2label": {"0": "A", "1": "B"}}, {"label2id": {"A": 0, "B": 1}}, {"num_labels": 3}, {"id2label": None}, {"id2label": {"0": "A"}, "num_labels": 1}]
OTHERS = [{"original_max_position_embeddings": 32}, {"use_cache": False}, {"num_nextn_predict_layers": 0}, {"rotary_percent": 0.5}, {"return_dict": True}, {"top_k": 10}, {"problem_type": None}, {"transformers_version": "5.1.0"}]


def parts(config):
    return [config, *(part for key in PARTS if isinstance(config.get(key), dict) for part in parts(config[key]))]


def language(config):
    inner = next((config[key] for key in ("text_config", "llm_config", "thinker_config") if isinstance(config.get(key), dict)), None)
    return config if inner is None else language(inner)


def some_key(r, config):
    part = r.choice(parts(config))
    return part, r.choice([key for key in part if key not in SIZES and not isinstance(part[key], dict)] or [None])


def drop(r, config):
    part, key = some_key(r, config)
    part.pop(key, None)
    return f"no {key}"


def null(r, config):
    part, key = some_key(r, config)
    part |= {} if key is None else {key: None}
    return f"{key} null"


def other(r, config):
    part, key = some_key(r, config)
    value = part.get(key)
    if isinstance(value, bool):
        part[key] = not value
    elif isinstance(value, float):
        part[key] = r.choice([value * 2, value / 2])
    elif isinstance(key, str) and key.endswith(("_act", "activation_function")):
        part[key] = r.choice(["gelu", "gelu_pytorch_tanh", "silu", "quick_gelu", "relu2"])
    return f"{key} {part.get(key)}"


def add(r, config):
    part, more = r.choice(parts(config)), r.choice([*LABELS, *OTHERS])
    part |= more
    return f"with {more}"


def rope(r, config):
    """Other rotary parameters, or the same under the names of another transformers."""
    part, scaling, key = language(config), r.choice(ROPES), r.choice(["rope_scaling", "rope_parameters"])
    if r.random() < 0.5:
        part[key] = scaling if key == "rope_scaling" else {"rope_theta": part.get("rope_theta", 10000.0), **(scaling or {})}
    elif isinstance(part.get("rope_parameters"), dict):
        own = part.pop("rope_parameters")
        part |= {"rope_theta": own.get("rope_theta"), "rope_scaling": {name: value for name, value in own.items() if name != "rope_theta"}}
    else:
        part["rope_parameters"] = {"rope_theta": part.pop("rope_theta", 10000.0), "rope_type": "default", **(part.pop("rope_scaling", None) or {})}
    return "other rotary parameters"


def dtype(r, config):
    new = r.choice(["dtype", "torch_dtype", None])
    for part in parts(config):
        had = part.pop("torch_dtype", None) or part.pop("dtype", None)
        if had is not None and new is not None:
            part[new] = had
    return f"dtype as {new}"


CHANGES = [drop] * 3 + [null] + [other] * 4 + [add] * 3 + [rope] * 2 + [dtype]


def make(out, source, seed):
    name = os.path.basename(source.rstrip("/"))
    r = random.Random(f"{name}-{seed}")
    folder = os.path.join(out, f"{name}-{seed}")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    with open(f"{folder}/config.json") as file:
        config = json.load(file)
    changes = [r.choice(CHANGES)(r, config) for _ in range(r.choice([1, 2, 3]))]
    with open(f"{folder}/config.json", "w") as file:
        json.dump(config, file, indent=1)
    with open(f"{folder}/changes.txt", "w") as file:
        file.write("\n".join(changes))


if __name__ == "__main__":
    first = int(os.environ.get("SEED", "0"))
    for source in sys.argv[3:]:
        for seed in range(first, first + int(sys.argv[2])):
            make(sys.argv[1], source, seed)
