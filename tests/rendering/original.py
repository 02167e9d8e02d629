"""The toy as one file with the names that Stable Diffusion's first code gave its parts.

The inverse, for the toy's two blocks, of diffusers' loaders/single_file_utils.py.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from engine.rendering.checkpoint import Checkpoint
from engine.rendering.original_names import original_name

from .toys import save

Renames = Sequence[tuple[str, str]]

_UNET: Renames = (
    (r"^conv_in\.", "input_blocks.0.0."),
    (r"^time_embedding\.linear_1", "time_embed.0"),
    (r"^time_embedding\.linear_2", "time_embed.2"),
    (r"^conv_norm_out", "out.0"),
    (r"^conv_out", "out.2"),
    (r"^down_blocks\.0\.resnets\.0", "input_blocks.1.0"),
    (r"^down_blocks\.0\.attentions\.0", "input_blocks.1.1"),
    (r"^down_blocks\.0\.downsamplers\.0\.conv", "input_blocks.2.0.op"),
    (r"^down_blocks\.1\.resnets\.0", "input_blocks.3.0"),
    (r"^mid_block\.resnets\.0", "middle_block.0"),
    (r"^mid_block\.attentions\.0", "middle_block.1"),
    (r"^mid_block\.resnets\.1", "middle_block.2"),
    (r"^up_blocks\.0\.resnets\.(\d)", r"output_blocks.\1.0"),
    (r"^up_blocks\.0\.upsamplers\.0", "output_blocks.1.1"),
    (r"^up_blocks\.1\.resnets\.0", "output_blocks.2.0"),
    (r"^up_blocks\.1\.attentions\.0", "output_blocks.2.1"),
    (r"^up_blocks\.1\.resnets\.1", "output_blocks.3.0"),
    (r"^up_blocks\.1\.attentions\.1", "output_blocks.3.1"),
    (r"(put_blocks\.\d\.0|middle_block\.\d)\.norm1\.", r"\1.in_layers.0."),
    (r"(put_blocks\.\d\.0|middle_block\.\d)\.conv1\.", r"\1.in_layers.2."),
    (r"(put_blocks\.\d\.0|middle_block\.\d)\.norm2\.", r"\1.out_layers.0."),
    (r"(put_blocks\.\d\.0|middle_block\.\d)\.conv2\.", r"\1.out_layers.3."),
    (r"\.time_emb_proj\.", ".emb_layers.1."),
    (r"\.conv_shortcut\.", ".skip_connection."),
)
_VAE: Renames = (
    (r"^encoder\.down_blocks\.(\d)\.resnets", r"encoder.down.\1.block"),
    (r"^encoder\.down_blocks\.(\d)\.downsamplers\.0", r"encoder.down.\1.downsample"),
    (r"^decoder\.up_blocks\.0\.", "decoder.up.1."),
    (r"^decoder\.up_blocks\.1\.", "decoder.up.0."),
    (r"(decoder\.up\.\d)\.resnets", r"\1.block"),
    (r"(decoder\.up\.\d)\.upsamplers\.0", r"\1.upsample"),
    (r"mid_block\.resnets\.0", "mid.block_1"),
    (r"mid_block\.resnets\.1", "mid.block_2"),
    (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
    (r"mid_block\.attentions\.0\.to_out\.0", "mid.attn_1.proj_out"),
    (r"mid_block\.attentions\.0\.to_", "mid.attn_1."),
    (r"conv_norm_out", "norm_out"),
    (r"conv_shortcut", "nin_shortcut"),
)


def _renamed(tensors: Mapping[str, Tensor], prefix: str, renames: Renames) -> dict[str, Tensor]:
    named = {}
    for name, tensor in tensors.items():
        for pattern, replacement in renames:
            name = re.sub(pattern, replacement, name)
        named[prefix + name] = tensor.clone()
    return named


_OPEN_CLIP: Renames = (
    (r"^text_model\.", ""),
    (r"^embeddings\.token_embedding\.", "token_embedding."),
    (r"^embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"^final_layer_norm\.", "ln_final."),
    (r"^encoder\.layers\.", "transformer.resblocks."),
    (r"\.layer_norm(\d)\.", r".ln_\1."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
    (r"\.self_attn\.", ".attn."),
)


def write_xl_single_file(checkpoint: Checkpoint, path: Path) -> None:
    """As `write_single_file`, as SDXL has it."""
    assert checkpoint.text_encoder_2 is not None
    unet = {}
    for name, tensor in checkpoint.unet.state_dict().items():
        module, _, last = name.rpartition(".")
        first = "unet.out.0" if module == "conv_norm_out" else original_name(f"unet.{module}", 2)
        assert first, name
        unet[f"model.diffusion_model.{first.removeprefix('unet.')}.{last}"] = tensor.clone()
    text = checkpoint.text_encoder.state_dict()
    save(
        path,
        {
            **unet,
            **_vae(checkpoint),
            **_renamed(text, "conditioner.embedders.0.transformer.text_model.", ()),
            **_open_clip(checkpoint.text_encoder_2.state_dict(), "conditioner.embedders.1.model."),
        },
    )


def _open_clip(text: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """With one matrix for queries, keys and values, and a projection that is transposed."""
    named = _renamed(text, prefix, _OPEN_CLIP)
    for query in [name for name in named if ".q_proj." in name]:
        three = [named.pop(query.replace("q_proj", f"{one}_proj")) for one in "qkv"]
        named[query.replace("q_proj.", "in_proj_")] = torch.cat(three)
    named[f"{prefix}text_projection"] = named.pop(f"{prefix}text_projection.weight").T.contiguous()
    return named


def write_single_file(checkpoint: Checkpoint, path: Path) -> None:
    """Writes the checkpoint's weights as one safetensors file."""
    text = checkpoint.text_encoder.state_dict()
    save(
        path,
        {
            **_renamed(checkpoint.unet.state_dict(), "model.diffusion_model.", _UNET),
            **_vae(checkpoint),
            **_renamed(text, "cond_stage_model.transformer.text_model.", ()),
        },
    )


def _vae(checkpoint: Checkpoint) -> dict[str, Tensor]:
    vae = _renamed(checkpoint.vae.state_dict(), "first_stage_model.", _VAE)
    attention = re.compile(r"attn_1\.(q|k|v|proj_out)\.weight$")
    return {k: v[:, :, None, None] if attention.search(k) else v for k, v in vae.items()}


SD15 = "stable-diffusion-v1-5--stable-diffusion-v1-5"
SDXL = "stabilityai--stable-diffusion-xl-base-1.0"


def write_hub_cache(hub: Path, model_folder: Path, repository: str = SD15) -> None:
    """Puts the toy's configuration where the hub's cache keeps that of the real model."""
    own = hub / f"models--{repository}"
    (own / "refs").mkdir(parents=True)
    (own / "refs" / "main").write_text("0123456789abcdef")
    weights = shutil.ignore_patterns("*.safetensors")
    shutil.copytree(model_folder, own / "snapshots" / "0123456789abcdef", ignore=weights)
