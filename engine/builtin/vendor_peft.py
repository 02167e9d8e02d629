"""Classes of peft, untyped. Only training needs them, and only developers install it."""

from typing import Any

import peft
import peft.tuners.lora.layer

LoraConfig: Any = peft.LoraConfig
LoraLayer: Any = peft.tuners.lora.layer.LoraLayer
