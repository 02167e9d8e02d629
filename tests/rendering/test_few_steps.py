"""Drafts by few-step adapters under their published names, as diffusers with PEFT makes them.

Names and layers are those of the script that trains LCM adapters (huggingface/diffusers
examples/consistency_distillation); SDXL-Lightning's are taken to have kohya's form as well, which
files for SDXL have with either code's names (`test_formats`, `test_sdxl`). Schedulers and guidance
are those of the model cards. Numbers are random: the published files were never at hand.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from engine.rendering.base_models import SD15, SDXL, BaseModel
from engine.rendering.bench_formats import skeleton, write_zeros
from engine.rendering.checkpoint import Checkpoint, load_checkpoint
from engine.rendering.job import Job
from engine.rendering.layers import Layers, layers_of, weight_of
from engine.rendering.lora_file import read_lora
from engine.rendering.renderer import Renderer
from engine.requests.sampling import sampling_of
from engine.settings import Settings
from engine.settings_rendering import Checkpoint as Named
from engine.values import Ask, Asker, ImagePlan, PlannedAdapter, Sampling

from .toys import batch_of, kohya, plan, random_parts, save, write_xl_checkpoint

# diffusers 0.42 and numpy 2.4 exchange tensors in ways that numpy wants written otherwise; PEFT
# warns of what the reference means to do: several adapters in one model.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{words}")
    for words in (
        "__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
        "__array_wrap__ must accept context and return_scalar arguments:DeprecationWarning",
        "Already found a `peft_config`:UserWarning",
    )
]

#: What `lora_target_modules` is in the script, for SD 1.5 and for SDXL.
LAYERS = (
    *("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"),
    *("conv1", "conv2", "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv"),
    "time_emb_proj",
)
PLANS = (plan(0, {}, "a fox", "blurry"), plan(1, {"ink": 0.7}, "a red cat", "text"))


@dataclass(frozen=True)
class Published:
    """A few-step adapter and what its model card asks for."""

    family: str
    #: The setting `draft_steps`.
    steps: int
    scheduler: str
    options: dict[str, str]
    #: What guidance is in diffusers' pipeline, where 0 is as good as 1: none.
    guidance: float


FILES = {
    "lcm-lora-sdv1-5": Published("sd15", 0, "LCMScheduler", {}, 1.5),
    "lcm-lora-sdxl": Published("sdxl", 0, "LCMScheduler", {}, 1.5),
    "sdxl_lightning_4step_lora": Published(
        "sdxl", 4, "EulerDiscreteScheduler", {"timestep_spacing": "trailing"}, 0.0
    ),
}


def few_step_layers(layers: Layers) -> list[str]:
    """What such an adapter has of the UNet."""
    return [
        name
        for name in layers.modules
        if name.startswith("unet.") and name.endswith(tuple(f".{end}" for end in LAYERS))
    ]


@pytest.fixture(scope="module")
def folders(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = tmp_path_factory.mktemp("xl")
    write_xl_checkpoint(made)
    return {"sd15": model_folder, "sdxl": made / "model"}


def pipeline(folder: Path, published: Published, files: dict[str, Path]) -> Any:
    kind = "StableDiffusionXLPipeline" if published.family == "sdxl" else "StableDiffusionPipeline"
    made = getattr(diffusers, kind).from_pretrained(folder)
    made.set_progress_bar_config(disable=True)
    own = getattr(diffusers, published.scheduler)
    made.scheduler = own.from_config(made.scheduler.config, **published.options)
    for name, file in files.items():
        made.load_lora_weights(file.parent, weight_name=file.name, adapter_name=name)
    return made


def alone(made: Any, one: ImagePlan, sampling: Sampling, guidance: float) -> Tensor:
    weights = {"draft": 1.0, **{own.adapter_id: own.weight for own in one.adapters}}
    made.set_adapters(list(weights), list(weights.values()))
    latents: Tensor = made(
        one.prompt,
        negative_prompt=one.negative,
        width=sampling.width,
        height=sampling.height,
        num_inference_steps=sampling.steps,
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(one.seed),
        output_type="latent",
    ).images
    return latents


def sampling_for(published: Published) -> Sampling:
    """As somebody gets it who asks for a draft."""
    checkpoint = Named(name="toy", source="/x", family=published.family, draft="/y")
    settings = Settings(checkpoint=checkpoint.model_copy(update={"draft_steps": published.steps}))
    asked = sampling_of(Ask(Asker("console", user="ada"), "a fox", draft=True), settings)
    return replace(asked, width=16, height=16)


@pytest.mark.parametrize("name", FILES)
def test_a_draft_is_what_diffusers_makes_of_the_file(
    name: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    published = FILES[name]
    checkpoint = load_checkpoint("toy", str(folders[published.family]), "cpu")
    layers = layers_of(checkpoint)
    names = few_step_layers(layers)
    files = {
        "draft": save(
            tmp_path / f"{name}.safetensors", kohya(random_parts(layers, names, alpha=1.0))
        ),
        "ink": save(tmp_path / "ink.safetensors", kohya(random_parts(layers, names[:5], seed=2))),
    }
    sampling = sampling_for(published)
    assert (sampling.draft, sampling.steps) == (True, published.steps or 6)
    made = pipeline(folders[published.family], published, files)
    expected = torch.cat([alone(made, one, sampling, published.guidance) for one in PLANS])
    assert (rendered(checkpoint, sampling, files)[-1] - expected).abs().max() < 1e-4
    # Without it the images are others, or the comparison above says nothing.
    plain = rendered(checkpoint, replace(sampling, draft=False), files)[-1]
    assert bool(((plain - expected).abs().amax((1, 2, 3)) > 1e-2).all())


def rendered(checkpoint: Checkpoint, sampling: Sampling, files: dict[str, Path]) -> list[Tensor]:
    """The latents after each step."""

    def fetch(adapter: PlannedAdapter) -> Path:
        return files[adapter.adapter_id]

    seen: list[Tensor] = []
    job = Job(sampling, PLANS, fetch, on_latents=seen.append)
    batch_of(Renderer(checkpoint, draft=files["draft"]), job)
    assert len(seen) == sampling.steps
    return seen


@pytest.mark.parametrize(("model", "count"), [(SD15, 278), (SDXL, 788)])
def test_all_layers_of_a_published_list_are_loaded_at_real_size(
    model: BaseModel, count: int, tmp_path: Path
) -> None:
    layers = skeleton(model)
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name in few_step_layers(layers):
        out, *into = weight_of(layers.modules[name]).shape
        stem = f"lora_{name.replace('.', '_')}"
        shapes[f"{stem}.lora_down.weight"] = "F16", (1, *into)
        shapes[f"{stem}.lora_up.weight"] = "F16", (out, 1, *(1 for _ in into[1:]))
        shapes[f"{stem}.alpha"] = "F16", ()
    write_zeros(shapes, tmp_path / "draft.safetensors")
    lora = read_lora(tmp_path / "draft.safetensors", layers, "draft")
    assert len(lora.layers) == count
