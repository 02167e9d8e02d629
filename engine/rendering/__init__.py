"""The renderer: all images of a request in one batch, each with its own adapters.

    checkpoint          the diffusers parts of one model, and which family it is
    safetensors_header  what a safetensors file claims to hold, checked before anything is loaded
    lora_keys           which layer a LoRA tensor belongs to, in every naming we know
    layers              the checkpoint's layers that a LoRA can touch
    original_names      what the first code of Stable Diffusion called them
    lora_file           a LoRA file as factors for those layers
    loading, lora_cache what a job's adapters are loaded by, and kept in
    adapters            per-image adapters on a batch, in a context manager
    upload              their numbers on the way to the device
    patches             the two forms in which a layer has an own sum for each image
    text, latents       prompts and seeds as tensors
    start               pictures that images start from, as latents
    schedulers          samplers by name
    denoise, recording  the loop, and its steps recorded for fast GPUs
    decode              latents as images
    memory              how many images fit, learnt from running out of it
    job                 what the renderer is given and gives back
    renderer            all of it, for jobs that go together
    batcher             which jobs go together
    preview             what latents look like, fast
    safety              who looks at finished images
    bench_masks, bench_steps, bench_change, bench_compile, bench_formats   measurements
    base_models, random_loras    what these measure: real shapes, random numbers

This package file imports no torch: `safetensors_header` and `lora_keys` need no torch, so that a
process without torch can check a file too.
"""

import os

# Both libraries talk at import about parts that nobody here uses (image processors, optional
# packages); what goes wrong with a checkpoint reaches people as our own sentences.
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
