"""Who looks at the images: the built-in instrument in its own world, CLIP everywhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engine.builtin import judge
from engine.builtin.world import SIDE
from engine.errors import BadFile
from engine.evaluating.questions import Question

#: Images that are looked at together.
GLANCE = 32


class Verdict(NamedTuple):
    """How one image answers its question."""

    #: How well it shows what its prompt says: a share, or CLIP's score.
    alignment: float
    #: Share of the ideas that only adapters bring (the paper's tasks); None where nobody can tell.
    coverage: float | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen in some images."""

    #: (n, d), for distances between sets of images.
    features: Tensor
    verdicts: list[Verdict]
    #: Mean difference of the strongest and the weakest channel, 0 (gray) to 1, per image.
    colour: list[float]


class Eye(Protocol):
    """Somebody who looks at images."""

    #: What `alignment` is, for the heads of tables.
    measure: str

    def features(self, images: Tensor) -> Tensor:
        """Features (n, d) of images (n, 3, height, width) in 0..1."""
        ...

    def verdicts(self, features: Tensor, questions: Sequence[Question]) -> list[Verdict]:
        """How each image, by its row of `features`, answers its question."""
        ...


@torch.inference_mode()
def look(eye: Eye, paths: Sequence[Path], questions: Sequence[Question]) -> Sight:
    """Returns what the eye sees in the images, each with the question that it answers."""
    features: list[Tensor] = []
    verdicts: list[Verdict] = []
    colour: list[float] = []
    for start in range(0, len(paths), GLANCE):
        part = slice(start, start + GLANCE)
        images = read_images(paths[part])
        features.append(eye.features(images))
        verdicts += eye.verdicts(features[-1], questions[part])
        colour += colours(images)
    return Sight(torch.cat(features), verdicts, colour)


@torch.inference_mode()
def features_of(eye: Eye, images: Tensor) -> Tensor:
    """Returns the features (n, d) of images that nobody asked for, such as real ones."""
    return torch.cat([eye.features(some) for some in torch.split(images, GLANCE)])


def read_images(paths: Sequence[Path]) -> Tensor:
    """Returns images of one size as (n, 3, height, width) in 0..1. Raises BadFile."""
    rows = []
    for path in paths:
        try:
            with Image.open(path) as image:
                rows.append(np.asarray(image.convert("RGB"), dtype=np.float32) / 255)
        except OSError as error:
            raise BadFile(f"{path} is no image; remove it and go on.") from error
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2)


def colours(images: Tensor) -> list[float]:
    """How colourful each image is; adapters that saturate drive it up."""
    strengths: list[float] = (images.amax(1) - images.amin(1)).mean(dim=(1, 2)).tolist()
    return strengths


class Instrument:
    """The built-in checkpoint's instrument, which reads facts off an image.

    It was trained on drawings and never on generated images; see `engine/builtin/judge.py`.
    """

    measure = "share of what the prompt names"

    def __init__(self) -> None:
        self._judge = judge.load()

    def features(self, images: Tensor) -> Tensor:
        """The 256 numbers that all its answers are read from."""
        return self._judge.look(torch.nn.functional.interpolate(images, (SIDE, SIDE), mode="area"))

    def verdicts(self, features: Tensor, questions: Sequence[Question]) -> list[Verdict]:
        """Shares of each question's facts, and of those that need an adapter, that are there."""
        return [
            _verdict(reading, question)
            for reading, question in zip(self._judge.answers(features), questions, strict=True)
        ]


def _verdict(reading: Mapping[str, str], question: Question) -> Verdict:
    right = {kind: reading[kind] == answer for kind, answer in question.truth.items()}
    covered = [right[kind] for kind in question.needs]
    return Verdict(fmean(right.values()), fmean(covered) if covered else None)


class Clip:
    """A CLIP model: its score (Hessel et al. 2021, times 100) and its image features."""

    measure = "CLIP score"

    def __init__(self, source: str) -> None:
        """Loads the model from a folder or by hub id. Raises BadFile."""
        from transformers import CLIPModel, CLIPProcessor

        model: Any = CLIPModel
        processor: Any = CLIPProcessor
        try:
            self._model: Any = model.from_pretrained(source).eval()
            self._processor: Any = processor.from_pretrained(source)
        except (OSError, ValueError) as error:
            raise BadFile(
                f"“{source}” is no CLIP model; give a folder or hub id such as "
                "openai/clip-vit-large-patch14."
            ) from error

    def features(self, images: Tensor) -> Tensor:
        """The projected image embedding, of length 1."""
        pixels = self._processor(images=list(images), do_rescale=False, return_tensors="pt")
        return _unit(self._model.get_image_features(**pixels))

    def verdicts(self, features: Tensor, questions: Sequence[Question]) -> list[Verdict]:
        """100 times the cosine of image and prompt, at least 0."""
        prompts = [question.prompt for question in questions]
        words = self._processor(text=prompts, padding=True, truncation=True, return_tensors="pt")
        told = _unit(self._model.get_text_features(**words))
        return [Verdict(score) for score in (100 * (features * told).sum(1)).clamp(min=0).tolist()]


def _unit(features: Any) -> Tensor:
    vectors: Tensor = getattr(features, "pooler_output", features)  # a model's output or a tensor
    return torch.nn.functional.normalize(vectors, dim=1)
