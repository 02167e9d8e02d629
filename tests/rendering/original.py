"""The toy as one file with the names that Stable Diffusion's first code gave its parts.

The inverse, for the toy's two blocks, of diffusers' loaders/single_file_utils.py.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from engine.rendering.checkpoint import Checkpoint

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


def write_single_file(checkpoint: Checkpoint, path: Path) -> None:
    """Writes the checkpoint's weights as one safetensors file."""
    vae = _renamed(checkpoint.vae.state_dict(), "first_stage_model.", _VAE)
    attention = re.compile(r"attn_1\.(q|k|v|proj_out)\.weight$")
    vae = {k: v[:, :, None, None] if attention.search(k) else v for k, v in vae.items()}
    text = checkpoint.text_encoder.state_dict()
    save(
        path,
        {
            **_renamed(checkpoint.unet.state_dict(), "model.diffusion_model.", _UNET),
            **vae,
            **_renamed(text, "cond_stage_model.transformer.text_model.", ()),
        },
    )


def write_hub_cache(hub: Path, model_folder: Path) -> None:
    """Puts the toy's configuration where the hub's cache keeps that of Stable Diffusion 1.5."""
    own = hub / "models--stable-diffusion-v1-5--stable-diffusion-v1-5"
    (own / "refs").mkdir(parents=True)
    (own / "refs" / "main").write_text("0123456789abcdef")
    weights = shutil.ignore_patterns("*.safetensors")
    shutil.copytree(model_folder, own / "snapshots" / "0123456789abcdef", ignore=weights)
