"""The names that Stable Diffusion's first code gave the layers of its UNet.

diffusers has other ones; adapters for SDXL that were trained with kohya's scripts go by the
first. Written from the shape of both: https://github.com/Stability-AI/generative-models, and the
tables of huggingface/diffusers scripts/convert_diffusers_to_original_sdxl.py. Needs no torch.
"""

import re

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_WHOLE = {
    "conv_in": "input_blocks.0.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
#: Where the parts of the middle block stand.
_MIDDLE = {"resnets.0": 0, "attentions.0": 1, "resnets.1": 2}
_LAYER = re.compile(r"unet\.(down|up)_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)")
_MID_LAYER = re.compile(r"unet\.mid_block\.((?:resnets|attentions)\.\d)\.(.+)")
_SAMPLER = re.compile(r"unet\.(down|up)_blocks\.(\d+)\.(?:down|up)samplers\.0\.conv")


def original_name(name: str, per_block: int) -> str | None:
    """The first code's name of a UNet's layer, such as "unet.middle_block.1.proj_in".

    `per_block` is diffusers' `layers_per_block`. None for a layer of another part.
    """
    whole = _WHOLE.get(name.removeprefix("unet."))
    if whole is not None:
        return f"unet.{whole}"
    if found := _MID_LAYER.fullmatch(name):
        return f"unet.middle_block.{_MIDDLE[found[1]]}.{_inner(found[1], found[2])}"
    if found := _LAYER.fullmatch(name):
        place = 0 if found[3] == "resnets" else 1
        block = _block(found[1], int(found[2]), int(found[4]), per_block)
        return f"unet.{block}.{place}.{_inner(found[3], found[5])}"
    if found := _SAMPLER.fullmatch(name):
        down, block_number = found[1] == "down", int(found[2])
        block = _block(found[1], block_number, per_block, per_block)
        return f"unet.{block}.0.op" if down else f"unet.{block}.2.conv"
    return None


def _block(way: str, block: int, layer: int, per_block: int) -> str:
    number = block * (per_block + 1) + layer
    return f"input_blocks.{number + 1}" if way == "down" else f"output_blocks.{number}"


def _inner(part: str, path: str) -> str:
    return _RESNET.get(path, path) if part.startswith("resnets") else path
