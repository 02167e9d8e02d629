"""The safety check on finished images, fail closed.

A check takes images and gives for each the probability, 0 to 1, that it shows what must not be
shown. The gate knows from which on an image is withheld; a check that breaks withholds all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from engine import builtin
from engine.builtin import judge
from engine.builtin.world import SIDE
from engine.checkpoints import find
from engine.errors import CheckpointUnavailable, RenderFailed
from engine.operations.log import get_log
from engine.settings import Settings
from engine.settings_rendering import Renderer

Check = Callable[[Sequence[Image.Image]], list[float]]

BROKEN_CHECK = (
    "The check on finished images does not work, so none is shown; the operator finds the reason "
    "in the renderer's log."
)
#: Parts of the names that classifiers give to what must not be shown.
_UNFIT_LABELS = ("nsfw", "unsafe", "porn", "hentai", "sexy", "explicit", "nude", "sexual")

log = get_log("safety")


@dataclass(frozen=True, slots=True)
class ImageGate:
    """Looks at images before anybody else does."""

    #: None lets everything through, at the operator's wish.
    check: Check | None
    #: Probability from which on an image is withheld.
    threshold: float

    def look(self, images: Sequence[Image.Image]) -> list[float | None]:
        """Returns a probability for each image, or None where nobody looks.

        Raises `RenderFailed` where the check breaks: then nothing is shown.
        """
        if self.check is None or not images:
            return [None] * len(images)
        try:
            found = self.check(images)
        except Exception as error:
            log.exception("the check on images failed")
            raise RenderFailed(BROKEN_CHECK) from error
        return [value if value == value else 1.0 for value in found]  # what is no number, too

    def withholds(self, probability: float | None) -> bool:
        """Whether an image of that probability is shown to adults alone."""
        return probability is not None and probability >= self.threshold

    def hides(self, images: Sequence[Image.Image]) -> list[bool]:
        """Whether each image is withheld; all are where the check breaks."""
        try:
            return [self.withholds(value) for value in self.look(images)]
        except RenderFailed:
            return [True] * len(images)


def open_gates(settings: Settings) -> dict[str, ImageGate]:
    """Returns the gate of each checkpoint by its name.

    Raises `CheckpointUnavailable` where nothing can look at a checkpoint's images.
    """
    sources = {name: find(settings, name).source for name in settings.checkpoint_names}
    kinds = {source: _check(settings.renderer, source) for source in set(sources.values())}
    threshold = settings.renderer.safety_threshold
    return {name: ImageGate(kinds[source], threshold) for name, source in sources.items()}


def _check(chosen: Renderer, source: str) -> Check | None:
    name, model, own = chosen.safety, chosen.safety_model, Path(source).expanduser()
    if name == "none":
        return None
    if name == "builtin" or (name == "auto" and source in ("builtin", str(builtin.CHECKPOINT))):
        return _Judge()
    if name == "classifier":
        return _Classifier(model)
    if name == "diffusers" or (own / "safety_checker").is_dir():
        return _SafetyChecker(model or str(own / "safety_checker"), own / "feature_extractor")
    raise CheckpointUnavailable(
        f"Nothing looks at the images of {source} before they are shown; name a classifier "
        'in renderer.safety and renderer.safety_model, or set renderer.safety = "none".'
    )


class _Judge:
    """Sees the motif that stands for unsafe content in the built-in checkpoint's world."""

    def __init__(self) -> None:
        self._judge = judge.load()

    def __call__(self, images: Sequence[Image.Image]) -> list[float]:
        rows = [np.asarray(image.resize((SIDE, SIDE)), dtype=np.float32) for image in images]
        pixels = torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2) / 255
        probabilities: list[float] = self._judge.unsafe(pixels).tolist()
        return probabilities


class _SafetyChecker:
    """diffusers' safety checker, which most Stable Diffusion 1.5 folders hold: 0 or 1."""

    def __init__(self, source: str, processor: Path) -> None:
        from diffusers.pipelines.stable_diffusion.safety_checker import (
            StableDiffusionSafetyChecker,
        )
        from transformers import CLIPImageProcessor

        checker: Any = StableDiffusionSafetyChecker
        extractor: Any = CLIPImageProcessor
        with _loading(source):
            self._checker = checker.from_pretrained(source, use_safetensors=True).eval()
            beside = str(processor) if processor.is_dir() else source
            self._processor = extractor.from_pretrained(beside)

    @torch.no_grad()
    def __call__(self, images: Sequence[Image.Image]) -> list[float]:
        pixels = self._processor(images=list(images), return_tensors="pt").pixel_values
        # It blackens what it finds, so it gets copies to do that to.
        copies = [np.zeros((1, 1, 3), dtype=np.float32) for _ in images]
        found = self._checker(clip_input=pixels, images=copies)[1]
        return [float(one) for one in found]


class _Classifier:
    """A transformers image classifier: the sum over its labels that must not be shown."""

    def __init__(self, source: str) -> None:
        from transformers import AutoImageProcessor, AutoModelForImageClassification

        model: Any = AutoModelForImageClassification
        processor: Any = AutoImageProcessor
        with _loading(source):
            self._model = model.from_pretrained(source, use_safetensors=True).eval()
            self._processor = processor.from_pretrained(source)
        labels = self._model.config.id2label
        self._unfit = [n for n, name in labels.items() if _is_unfit(str(name))]
        if not self._unfit:
            known = ", ".join(map(str, labels.values()))[:100]
            raise CheckpointUnavailable(
                f"{source} has no label for what must not be shown ({known}); name another "
                "classifier in renderer.safety_model."
            )

    @torch.no_grad()
    def __call__(self, images: Sequence[Image.Image]) -> list[float]:
        inputs = self._processor(images=list(images), return_tensors="pt")
        shares = self._model(**inputs).logits.softmax(-1)
        found: list[float] = shares[:, self._unfit].sum(-1).tolist()
        return found


def _is_unfit(label: str) -> bool:
    words = label.lower().replace("-", "_").split("_")
    return any(name in words for name in _UNFIT_LABELS) and "not" not in words


class _loading:  # noqa: N801  a context manager that reads like a function
    """Turns what libraries raise for a model that cannot be loaded into our sentence."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            raise CheckpointUnavailable(
                f"The image check “{self._source or 'without a name'}” cannot be loaded; set "
                "renderer.safety_model to a folder or hub id with safetensors weights."
            ) from error
