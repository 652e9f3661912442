"""Record the defaults of Megatron-Bridge's provider dataclasses and of the run configuration around them, as TypeScript data.

    python record_provider_defaults.py TARGET packages/convert/src/models/defaults/provider-TARGET.generated.ts

TARGET is the label of the installed stack (0.3.1 or 0.7.0), which must be importable. Every class but the first three
is written as its difference from GPTModelProvider. Python integers become BigInt literals and floats stay numbers, so
that 1 and 1.0 remain apart.
"""
import dataclasses
import importlib
import json
import math
import sys

import transformers
import yaml

PROVIDERS = {
    "GPTModelProvider": ("megatron.bridge.models.gpt_provider",),
    "MLAModelProvider": ("megatron.bridge.models.mla_provider",),
    "MambaModelProvider": ("megatron.bridge.models.mamba.mamba_provider",),
    "HybridModelProvider": ("megatron.bridge.models.hybrid.hybrid_provider",),
    "MistralModelProvider": ("megatron.bridge.models.mistral.mistral_provider",),
    "GemmaModelProvider": ("megatron.bridge.models.gemma.gemma_provider",),
    "Gemma2ModelProvider": ("megatron.bridge.models.gemma.gemma2_provider",),
    "Gemma3ModelProvider": ("megatron.bridge.models.gemma.gemma3_provider",),
    "Qwen3NextModelProvider": ("megatron.bridge.models.qwen.qwen_provider",),
    "LlamaNemotronHeterogeneousProvider": ("megatron.bridge.models.llama_nemotron.llama_nemotron_provider",),
    "Ministral3ModelProvider": ("megatron.bridge.models.ministral3.ministral3_provider",),
    "NemotronModelProvider": ("megatron.bridge.models.nemotron.nemotron_provider",),
    "OlMoEModelProvider": ("megatron.bridge.models.olmoe.olmoe_provider",),
    "GPTOSSProvider": ("megatron.bridge.models.gpt_oss.gpt_oss_provider",),
    "ExaoneMoeModelProvider": ("megatron.bridge.models.exaone.exaone_moe.exaone_moe_provider",),
    "FalconH1ModelProvider": ("megatron.bridge.models.falcon_h1.falconh1_provider",),
    "Gemma4DenseProvider": ("megatron.bridge.models.gemma.gemma4_provider",),
    "Gemma4ModelProvider": ("megatron.bridge.models.gemma.gemma4_provider",),
    "MiMoV2FlashModelProvider": ("megatron.bridge.models.mimo_v2_flash.mimo_v2_flash_provider",),
    "SarvamMLAModelProvider": ("megatron.bridge.models.sarvam.sarvam_provider",),
    "SarvamMoEModelProvider": ("megatron.bridge.models.sarvam.sarvam_provider",),
    "Step35ModelProvider": ("megatron.bridge.models.stepfun.step35_provider",),
    "NemotronLabsDiffusionModelProvider": ("megatron.bridge.diffusion.models.nemotron_labs_diffusion.nemotron_labs_diffusion_provider",),
    "Qwen25VLModelProvider": ("megatron.bridge.models.qwen_vl.qwen25_vl_provider",),
    "Qwen3VLModelProvider": ("megatron.bridge.models.qwen_vl.qwen3_vl_provider",),
    "Qwen3VLMoEModelProvider": ("megatron.bridge.models.qwen_vl.qwen3_vl_provider",),
    "Gemma3VLModelProvider": ("megatron.bridge.models.gemma_vl.gemma3_vl_provider",),
    "GLM45VModelProvider": ("megatron.bridge.models.glm_vl.glm_45v_provider",),
    "NemotronVLModelProvider": ("megatron.bridge.models.nemotron_vl.nemotron_vl_provider",),
    "NemotronNano12Bv2VLModelProvider": ("megatron.bridge.models.nemotron_vl.nemotron_vl_provider",),
    "NemotronOmniModelProvider": ("megatron.bridge.models.nemotron_omni.nemotron_omni_provider",),
    "Ernie45VLModelProvider": ("megatron.bridge.models.ernie_vl.ernie45_vl_provider",),
    "Exaone45ModelProvider": ("megatron.bridge.models.exaone.exaone45.exaone45_provider",),
    "Gemma4DenseVLProvider": ("megatron.bridge.models.gemma_vl.gemma4_vl_provider",),
    "Gemma4VLModelProvider": ("megatron.bridge.models.gemma_vl.gemma4_vl_provider",),
    "Qwen35VLModelProvider": ("megatron.bridge.models.qwen_vl.qwen35_vl_provider",),
    "Qwen35VLMoEModelProvider": ("megatron.bridge.models.qwen_vl.qwen35_vl_provider",),
    "Qwen35TokenClassificationModelProvider": ("megatron.bridge.models.qwen_vl.qwen35_vl_provider",),
    "Qwen2AudioModelProvider": ("megatron.bridge.models.qwen_audio.qwen2_audio_provider",),
    "Qwen3ASRModelProvider": ("megatron.bridge.models.qwen3_asr.qwen3_asr_provider",),
    "Qwen25OmniModelProvider": ("megatron.bridge.models.qwen_omni.qwen25_omni_provider",),
    "Qwen3OmniModelProvider": ("megatron.bridge.models.qwen_omni.qwen3_omni_provider",),
    "KimiK25VLModelProvider": ("megatron.bridge.models.kimi_vl.kimi_k25_vl_provider",),
    "KimiK3ModelProvider": ("megatron.bridge.models.kimi.kimi_k3_provider",),
    "MiniMaxM3VLModelProvider": ("megatron.bridge.models.minimax_m3.minimax_m3_bridge",),
    "Step37ModelProvider": ("megatron.bridge.models.stepfun.step37_provider",),
    "LLaDA15ModelProvider": ("megatron.bridge.diffusion.models.llada15.llada15_provider",),
}


def plain(value):
    from megatron.bridge.training.utils.config_utils import _ConfigContainerBase
    from megatron.bridge.utils.yaml_utils import safe_yaml_representers

    with safe_yaml_representers():
        return yaml.safe_load(yaml.safe_dump(_ConfigContainerBase._convert_value_to_dict(value)))


def literal(value):
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        return f"{value}n"
    if isinstance(value, float):
        return "Infinity" if math.isinf(value) else repr(value)
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
    if isinstance(value, list):
        return "[" + ", ".join(literal(v) for v in value) + "]"
    return "{ " + ", ".join(f"{k}: {literal(v)}" for k, v in value.items()) + " }"


def provider_defaults(name, module):
    cls = getattr(importlib.import_module(module), name)
    required = {
        f.name: 1
        for f in dataclasses.fields(cls)
        if f.init and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    # The declared defaults are wanted, not what a class without a deferred __post_init__ would make of them.
    own = cls.__dict__.get("__post_init__")
    cls.__post_init__ = lambda self: None
    provider = cls(**required)
    if own is None:
        del cls.__post_init__
    else:
        cls.__post_init__ = own
    for f in dataclasses.fields(cls):
        # A field without init or default exists only once the provider is finalized.
        if not hasattr(provider, f.name):
            setattr(provider, f.name, None)
        # Configurations of transformers are made anew for every model.
        if isinstance(getattr(provider, f.name), transformers.PretrainedConfig):
            setattr(provider, f.name, None)
    out = plain(provider)
    for key in required:
        out[key] = None
    return out


WHOLE = ("GPTModelProvider", "MambaModelProvider", "HybridModelProvider")


def main(target, path):
    if target != "0.3.1":
        import logging
        import types

        import lenient

        sys.modules["fused_weight_gradient_mlp_cuda"] = types.ModuleType("fused_weight_gradient_mlp_cuda")
        lenient.BLOCK = ("nvidia_resiliency_ext",)
        logging.disable(logging.NOTSET)
        lenient.stub("comet_ml", "diffusers")
    import shims

    shims.init()
    tables = {}
    for name, (module,) in PROVIDERS.items():
        try:
            tables[name] = provider_defaults(name, module)
        except (ImportError, AttributeError) as error:
            print(f"no {name}: {error}", file=sys.stderr)
    base = tables["GPTModelProvider"]
    lines = [
        f"// Recorded from Megatron-Bridge {target} by test/oracle/record_provider_defaults.py; do not edit.",
        "import type { ProviderTable } from '../provider.js';",
        "",
        "export const providers: ProviderTable = {",
    ]
    for name, fields in tables.items():
        whole = name in WHOLE
        lines.append(f"  {name}: {{")
        lines.append(f"    base: {'null' if whole else literal('GPTModelProvider')},")
        omit = [] if whole else sorted(base.keys() - fields.keys())
        lines.append(f"    omit: {literal(omit)},")
        lines.append("    fields: {")
        for key in sorted(fields):
            if whole or key not in base or base[key] != fields[key]:
                lines.append(f"      {key}: {literal(fields[key])},")
        lines += ["    },", "  },"]
    lines.append("};")
    with open(path, "w") as out:
        out.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
