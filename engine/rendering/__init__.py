"""The renderer: all images of a request in one batch, each with its own adapters.

    checkpoint          the diffusers parts of one model, and which family it is
    safetensors_header  what a safetensors file claims to hold, checked before anything is loaded
    lora_keys           which layer a LoRA tensor belongs to, in every naming we know
    layers              the checkpoint's layers that a LoRA can touch
    lora_file           a LoRA file as factors for those layers
    adapters            per-image adapters on a batch, in a context manager
    patches             the two forms in which a layer has an own sum for each image
    text, latents       prompts and seeds as tensors
    start               pictures that images start from, as latents
    schedulers          samplers by name
    denoise             the loop
    decode              latents as images
    renderer            all of it, for the plans of one batch

This package file imports no torch: `safetensors_header` and `lora_keys` need no torch, so that a
process without torch can check a file too.
"""

import os

# Both libraries talk at import about parts that nobody here uses (image processors, optional
# packages); what goes wrong with a checkpoint reaches people as our own sentences.
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
