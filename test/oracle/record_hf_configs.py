"""Record what transformers' configuration classes print by default, as TypeScript data.

    python record_hf_configs.py TARGET packages/convert/src/models/defaults/hf-config-TARGET.generated.ts

TARGET is the label of the installed stack (0.3.1 or 0.7.0). Providers of vision-language models carry such objects into
run_config.yaml, which prints every attribute. Each class is written as its difference from the first.
"""
import dataclasses
import importlib
import importlib.util
import inspect
import json
import os
import sys

import transformers as T
from record_goldens import stubs
from record_provider_defaults import literal

CLASSES = {
    "ernie4_5_vl_moe": ["Ernie4_5_VLMoeConfig", "Ernie4_5_VLMoeTextConfig", "Ernie4_5_VLMoeVisionConfig"],
    "exaone4": ["Exaone4Config"],
    "exaone4_5": ["Exaone4_5_VisionConfig"],
    "gemma4": ["Gemma4AudioConfig", "Gemma4TextConfig", "Gemma4VisionConfig"],
    "gemma3": ["Gemma3TextConfig"],
    "glm4v": ["Glm4vVisionConfig"],
    "glm4v_moe": ["Glm4vMoeTextConfig", "Glm4vMoeVisionConfig"],
    "minimax_m3_vl": ["MiniMaxM3VLConfig", "MiniMaxM3VLTextConfig", "MiniMaxM3VLVisionConfig"],
    "ministral3": ["Ministral3Config"],
    "mistral": ["MistralConfig"],
    "mistral3": ["Mistral3Config"],
    "pixtral": ["PixtralVisionConfig"],
    "qwen2": ["Qwen2Config"],
    "qwen2_audio": ["Qwen2AudioConfig", "Qwen2AudioEncoderConfig"],
    "qwen2_5_omni": ["Qwen2_5OmniAudioEncoderConfig", "Qwen2_5OmniBigVGANConfig", "Qwen2_5OmniDiTConfig", "Qwen2_5OmniTalkerConfig", "Qwen2_5OmniToken2WavConfig", "Qwen2_5OmniTextConfig", "Qwen2_5OmniThinkerConfig", "Qwen2_5OmniVisionEncoderConfig"],
    "qwen2_5_vl": ["Qwen2_5_VLTextConfig", "Qwen2_5_VLVisionConfig"],
    "qwen3_omni_moe": ["Qwen3OmniMoeAudioEncoderConfig", "Qwen3OmniMoeCode2WavConfig", "Qwen3OmniMoeTalkerCodePredictorConfig", "Qwen3OmniMoeTalkerConfig", "Qwen3OmniMoeTalkerTextConfig", "Qwen3OmniMoeTextConfig", "Qwen3OmniMoeThinkerConfig", "Qwen3OmniMoeVisionEncoderConfig"],
    "qwen3_vl": ["Qwen3VLTextConfig", "Qwen3VLVisionConfig"],
    "qwen3_vl_moe": ["Qwen3VLMoeTextConfig", "Qwen3VLMoeVisionConfig"],
    "qwen3_5": ["Qwen3_5TextConfig", "Qwen3_5VisionConfig"],
    "qwen3_5_moe": ["Qwen3_5MoeTextConfig", "Qwen3_5MoeVisionConfig"],
    "siglip": ["SiglipVisionConfig"],
}

# Classes that the Bridge brings along, by their file in it.
OF_THE_BRIDGE = {
    "models/qwen3_asr/hf_qwen3_asr/configuration_qwen3_asr.py": ["Qwen3ASRAudioEncoderConfig", "Qwen3ASRTextConfig", "Qwen3ASRThinkerConfig"],
    "models/stepfun/configuration_step37.py": ["Step37VisionConfig"],
}


def classes():
    yield "PretrainedConfig", T.PretrainedConfig
    for model, names in CLASSES.items():
        try:
            module = importlib.import_module(f"transformers.models.{model}.configuration_{model}")
        except ImportError as error:
            print(f"no {model}: {error}", file=sys.stderr)
            continue
        for name in names:
            yield name, getattr(module, name)
    bridge = importlib.util.find_spec("megatron.bridge")
    for path, names in OF_THE_BRIDGE.items():
        file = bridge and os.path.join(bridge.submodule_search_locations[0], path)
        if not file or not os.path.exists(file):
            continue
        module_name = "megatron.bridge." + path.removesuffix(".py").replace("/", ".")
        spec = importlib.util.spec_from_file_location(module_name, file)
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        spec.loader.exec_module(module)
        for name in names:
            yield name, getattr(module, name)


def keys(value):
    if isinstance(value, T.PretrainedConfig):
        return keys(value.to_dict())
    if isinstance(value, (list, tuple)):
        return [keys(inner) for inner in value]
    return {str(key): keys(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def generation():
    """Parameters of generation, which a configuration of transformers 5 no longer keeps."""
    if T.__version__.startswith("4"):
        return []
    from transformers import GenerationConfig

    return sorted(GenerationConfig._get_default_generation_params())


def generated():
    """What a GenerationConfig prints that is made from nothing."""
    if T.__version__.startswith("4"):
        return {}
    values = T.GenerationConfig().to_dict()
    values.pop("transformers_version")
    return keys(values)


def held(config):
    """What an object prints: all its attributes, in transformers 5 declared fields and what was set beside them."""
    if not dataclasses.is_dataclass(config):
        return keys(config.to_dict())
    fields = [field.name for field in dataclasses.fields(config)]
    names = [name for name in [*fields, *(key for key in vars(config) if key not in fields)] if not name.startswith("_")]
    values = {name: getattr(config, name) for name in names}
    return keys({name: value for name, value in values.items() if not isinstance(value, set)})


def spelled(key):
    return key if key.isidentifier() else json.dumps(key)


def main(target, path):
    if target != "0.3.1":
        stubs()
        import shims

        shims.init()
    lines = [
        f"// Recorded from transformers {T.__version__} for Megatron-Bridge {target} by test/oracle/record_hf_configs.py; do not edit.",
        "import type { HfConfigTable } from '../hf-object.js';",
        "",
        "export const hfConfigs: HfConfigTable = {",
        f"  version: {literal(T.__version__)},",
        f"  forgotten: {literal(generation())},",
        f"  generation: {literal(generated())},",
        "  classes: {",
    ]
    base = None
    names = {name for group in (*CLASSES.values(), *OF_THE_BRIDGE.values()) for name in group}
    for name, cls in classes():
        values = held(cls())
        shown = values if base is None else {key: value for key, value in values.items() if key not in base or base[key] != value}
        omit = [] if base is None else sorted(base.keys() - values.keys())
        lines.append(f"    {name}: {{")
        lines.append(f"      target: {literal(f'{inspect.getmodule(cls).__name__}.{cls.__qualname__}')},")
        lines.append(f"      aliases: {literal(dict(cls.attribute_map))},")
        lines.append(f"      type: {literal(cls.model_type)},")
        theta = getattr(cls, "default_theta", None)
        lines.append(f"      theta: {literal(theta if isinstance(theta, float) else None)},")
        parts = {key: part.__name__ for key, part in cls.sub_configs.items() if part.__name__ in names}
        lines.append(f"      parts: {literal(parts)},")
        lines.append(f"      omit: {literal(omit)},")
        lines.append("      fields: {")
        lines += [f"        {spelled(key)}: {literal(shown[key])}," for key in sorted(shown)]
        lines += ["      },", "    },"]
        base = base or values
    lines += ["  },", "};"]
    with open(path, "w") as out:
        out.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
