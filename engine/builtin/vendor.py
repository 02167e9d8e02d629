"""Classes of diffusers and transformers, untyped: their annotations do not hold together."""

from typing import Any

import diffusers
import transformers

AutoencoderTiny: Any = diffusers.AutoencoderTiny
DDIMScheduler: Any = diffusers.DDIMScheduler
StableDiffusionPipeline: Any = diffusers.StableDiffusionPipeline
UNet2DConditionModel: Any = diffusers.UNet2DConditionModel
CLIPTextConfig: Any = transformers.CLIPTextConfig
CLIPTextModel: Any = transformers.CLIPTextModel
CLIPTokenizer: Any = transformers.CLIPTokenizer
