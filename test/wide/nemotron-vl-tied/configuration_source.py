
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
    model_type = "NemotronH_Nano_VL_V2"

    def __init__(self, llm_config=None, vision_config=None, sound_config=None, **values):
        super().__init__(**values)
        self.llm_config = Inner(**(llm_config or {}))
        self.vision_config = Inner(**(vision_config or {}))
        self.sound_config = None if sound_config is None else Sound(**sound_config)
