"""Which layer a LoRA tensor belongs to, in every naming we know.

Files differ by the tool that wrote them; a key is a prefix for the model, a path to the layer
and a suffix for the role:

    kohya       lora_unet_mid_block_attentions_0_proj_in.lora_down.weight, .lora_up.weight, .alpha
    peft        unet.mid_block.attentions.0.proj_in.lora_A.weight, .lora_B.weight
                base_model.model.mid_block.attentions.0.proj_in.lora_A.weight
    diffusers   unet.mid_block.attentions.0.proj_in.lora.down.weight, .lora.up.weight
                text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.up.weight
                mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.up.weight
    cloneofsimo unet:135:down, unet:135:up (see `lora_numbers`)
    lycoris     lora_unet_mid_block_attentions_0_proj_in.hada_w1_a, .lokr_w2, .dora_scale, ...
                lycoris_mid_block_attentions_0_proj_in...

Seen in real files: kohya-ss/sd-scripts networks/lora.py, huggingface/peft and the converters in
huggingface/diffusers loaders/lora_conversion_utils.py.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from engine.rendering.lora_kinds import Role


@dataclass(frozen=True, slots=True)
class Key:
    """A LoRA tensor's name, understood."""

    #: "unet", "text_encoder" or "text_encoder_2"; empty where the name does not tell.
    part: str
    #: Path to the layer inside the part.
    path: str
    #: Whether the path has "_" where a module path has ".".
    underscored: bool
    role: Role


_ROLES: tuple[tuple[re.Pattern[str], Role], ...] = (
    (re.compile(r"\.lora_(?:A|down)(?:\.[\w-]+)?\.weight$"), "down"),
    (re.compile(r"\.lora_(?:B|up)(?:\.[\w-]+)?\.weight$"), "up"),
    (re.compile(r"(?:\.lora|\.lora_linear_layer|_lora)\.down\.weight$"), "down"),
    (re.compile(r"(?:\.lora|\.lora_linear_layer|_lora)\.up\.weight$"), "up"),
    (re.compile(r"\.lora_mid\.weight$"), "mid"),
    (re.compile(r"\.alpha$"), "alpha"),
    (re.compile(r"\.lora_magnitude_vector(?:\.\w+)*$"), "magnitude"),
)
#: Roles that go by their own names.
_LYCORIS = re.compile(r"\.(hada_(?:w[12]_[ab]|t[12])|lokr_(?:w[12](?:_[ab])?|t2)|dora_scale)$")

#: What a name contains, and what it is then part of. All are refused by name: most multiply the
#: layer's weight or output instead of adding to it, and none may be loaded in part.
_OTHER_KINDS = (
    (re.compile(r"\.b?oft_|\.oft\b"), "OFT"),
    (re.compile(r"\.on_input$"), "IA3"),
    (re.compile(r"\.(?:a1|a2|b1|b2)\.weight$"), "GLoRA"),
    (re.compile(r"\.(?:diff|diff_b|w_norm|b_norm)$"), "whole weight differences"),
    (re.compile(r"^<[^<>]+>$"), "LoRA with a textual inversion"),
    # Those that `lora_numbers` cannot name.
    (re.compile(r"^(?:unet|text_encoder):\d+:"), "cloneofsimo's numbered layers"),
)

#: Names that exist in one base model only.
_BASES = (
    (re.compile(r"double_blocks|single_blocks|single_transformer_blocks"), "Flux"),
    (re.compile(r"joint_blocks"), "Stable Diffusion 3"),
    (re.compile(r"^lora_te[12]_|text_encoder_2\.|^lora_unet_(?:in|out)put_blocks_"), "SDXL"),
    (re.compile(r"_blocks_\d_attentions_\d_transformer_blocks_[1-9]_"), "SDXL"),
    (re.compile(r"_blocks\.\d\.attentions\.\d\.transformer_blocks\.[1-9]\."), "SDXL"),
    (
        re.compile(
            r"^(?:transformer|diffusion_model|transformer_blocks)\."
            r"|^lora_unet_(?:transformer_)?blocks_\d"
        ),
        "a transformer model",
    ),
)

#: The width of the text that a cross-attention key or value reads, by base.
_TEXT_WIDTHS = {768: "SD 1.x", 1024: "SD 2.x", 2048: "SDXL"}
_READS_TEXT = re.compile(r"attn2[._](?:processor\.)?to_[kv]")
#: Roles whose matrices are as wide as what the layer reads.
_READERS = ("down", "hada_w1_b")

_PREFIXES = (
    ("lora_unet_", "unet", True),
    ("lora_te_", "text_encoder", True),
    ("lora_te1_", "text_encoder", True),
    ("lora_te2_", "text_encoder_2", True),
    ("unet.", "unet", False),
    ("text_encoder.", "text_encoder", False),
    ("text_encoder_2.", "text_encoder_2", False),
    ("lycoris_", "", True),
)


def other_kind(names: Collection[str]) -> str | None:
    """The kind of an adapter that cannot be loaded, such as "OFT"; None where none is seen."""
    for pattern, kind in _OTHER_KINDS:
        if any(pattern.search(name) for name in names):
            return kind
    return None


def parse(name: str) -> Key | None:
    """What a tensor's name says; None where it is in no naming that is known."""
    if own := _LYCORIS.search(name):
        return _key(name[: own.start()], own[1])
    for pattern, role in _ROLES:
        found = pattern.search(name)
        if found:
            return _key(name[: found.start()], role)
    return None


def _key(stem: str, role: Role) -> Key | None:
    part, path, underscored = _split(stem)
    return Key(part, _modern(path), underscored, role) if path else None


def _split(stem: str) -> tuple[str, str, bool]:
    stem = stem.removeprefix("base_model.model.")
    for prefix, part, underscored in _PREFIXES:
        if stem.startswith(prefix):
            return part, stem.removeprefix(prefix), underscored
    return "", stem, False


def _modern(path: str) -> str:
    """The path of today for the attention processors that diffusers had until 0.20."""
    path = path.replace(".processor.", ".")
    # The role's pattern took "_lora", so that "to_out_lora" arrives as "to_out".
    return f"{path}.0" if path.endswith(".to_out") else path


def base_of(names: Collection[str], text_widths: Collection[int]) -> str | None:
    """The base model that a file seems to be for, in words; None where it cannot be told.

    `text_widths`: see `text_width`.
    """
    for pattern, base in _BASES:
        if any(pattern.search(name) for name in names):
            return base
    bases = {_TEXT_WIDTHS.get(width) for width in text_widths}
    return bases.pop() if len(bases) == 1 else None


def text_width(name: str, shape: tuple[int, ...]) -> int | None:
    """How wide the text is that this tensor reads; None where it does not read text."""
    key = parse(name)
    if key is None or key.role not in _READERS or len(shape) < 2 or not _READS_TEXT.search(name):
        return None
    return shape[1]
