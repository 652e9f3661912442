"""Bridges for two architectures that no Megatron-Bridge registers, to be compared with: the rules of the peer table."""
import torch
from megatron.bridge.models.conversion.mapping_registry import MegatronMappingRegistry
from megatron.bridge.models.conversion.model_bridge import MegatronModelBridge
from megatron.bridge.models.conversion.param_mapping import AutoMapping, GatedMLPMapping, QKVMapping, ReplicatedMapping
from megatron.core.models.gpt.gpt_model import GPTModel
from transformers import MixtralForCausalLM, Qwen2MoeForCausalLM

L, D = "model.layers.*", "decoder.layers.*"


def rows(moe, gate, up, down):
    attention = f"{D}.self_attention"
    return [
        AutoMapping("embedding.word_embeddings.weight", "model.embed_tokens.weight"),
        AutoMapping("output_layer.weight", "lm_head.weight"),
        AutoMapping("decoder.final_layernorm.weight", "model.norm.weight"),
        AutoMapping(f"{attention}.linear_qkv.layer_norm_weight", f"{L}.input_layernorm.weight"),
        AutoMapping(f"{attention}.linear_proj.weight", f"{L}.self_attn.o_proj.weight"),
        AutoMapping(f"{D}.pre_mlp_layernorm.weight", f"{L}.post_attention_layernorm.weight"),
        AutoMapping(f"{D}.mlp.router.weight", f"{moe}.gate.weight"),
        *(QKVMapping(f"{attention}.linear_qkv.{kind}", *(f"{L}.self_attn.{x}_proj.{kind}" for x in "qkv")) for kind in ("weight", "bias")),
        GatedMLPMapping(f"{D}.mlp.experts.linear_fc1.weight*", f"{moe}.experts.*.{gate}.weight", f"{moe}.experts.*.{up}.weight"),
        AutoMapping(f"{D}.mlp.experts.linear_fc2.weight*", f"{moe}.experts.*.{down}.weight"),
    ]


class Mixture(MegatronModelBridge):
    SETTINGS = dict(normalization="RMSNorm", gated_linear_unit=True, position_embedding_type="rope", add_bias_linear=False, hidden_dropout=0.0,
                    moe_grouped_gemm=True, moe_token_dispatcher_type="alltoall", moe_permute_fusion=True,
                    moe_router_load_balancing_type="none", moe_router_pre_softmax=True)

    def provider_bridge(self, hf):
        provider = super().provider_bridge(hf)
        provider.moe_aux_loss_coeff = hf.config.router_aux_loss_coef
        for key, value in {**self.SETTINGS, **self.more(hf.config)}.items():
            setattr(provider, key, value)
        return provider


@MegatronModelBridge.register_bridge(source=MixtralForCausalLM, target=GPTModel)
class MixtralBridge(Mixture):
    def more(self, config):
        return dict(moe_ffn_hidden_size=config.intermediate_size, moe_router_score_function="softmax")

    def mapping_registry(self):
        return MegatronMappingRegistry(*rows(f"{L}.block_sparse_moe", "w1", "w3", "w2"))


@MegatronModelBridge.register_bridge(source=Qwen2MoeForCausalLM, target=GPTModel)
class Qwen2MoeBridge(Mixture):
    def more(self, config):
        return dict(moe_shared_expert_intermediate_size=config.shared_expert_intermediate_size, moe_shared_expert_gate=True, add_qkv_bias=True,
                    autocast_dtype=torch.bfloat16)

    def mapping_registry(self):
        shared = f"{L}.mlp.shared_expert"
        return MegatronMappingRegistry(
            *rows(f"{L}.mlp", "gate_proj", "up_proj", "down_proj"),
            GatedMLPMapping(f"{D}.mlp.shared_experts.linear_fc1.weight", f"{shared}.gate_proj.weight", f"{shared}.up_proj.weight"),
            AutoMapping(f"{D}.mlp.shared_experts.linear_fc2.weight", f"{shared}.down_proj.weight"),
            ReplicatedMapping(f"{D}.mlp.shared_experts.gate_weight", f"{L}.mlp.shared_expert_gate.weight"),
        )
