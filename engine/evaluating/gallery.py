"""The images of an evaluation on disk, each named by all that it is made of.

Equal plans are one image, whichever ways share them, and an evaluation that was stopped finds
what it had drawn.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from PIL import Image

from engine.errors import StorageUnavailable
from engine.values import ImagePlan, Sampling


class Gallery:
    """A folder of images."""

    def __init__(self, folder: Path) -> None:
        """Raises StorageUnavailable where the folder cannot be made."""
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageUnavailable(f"{folder} cannot be made ({error.strerror}).") from error

    def path(self, sampling: Sampling, plan: ImagePlan) -> Path:
        """Where the plan's image is, or will be."""
        adapters = [(one.sha256, one.weight) for one in plan.adapters]
        recipe = [asdict(sampling), plan.prompt, plan.negative, plan.seed, adapters]
        return self.folder / f"{sha256(json.dumps(recipe).encode()).hexdigest()[:24]}.png"

    def missing(self, sampling: Sampling, plans: Iterable[ImagePlan]) -> list[ImagePlan]:
        """Returns the plans whose images are still to be drawn, each image once."""
        wanted = {self.path(sampling, plan): plan for plan in plans}
        return [plan for path, plan in wanted.items() if not path.exists()]

    def put(self, sampling: Sampling, plan: ImagePlan, image: Image.Image) -> None:
        """Keeps the image; a file is there whole or not at all. Raises StorageUnavailable."""
        path = self.path(sampling, plan)
        half = path.with_suffix(".half")
        try:
            image.save(half, "PNG")
            half.replace(path)
        except OSError as error:
            raise StorageUnavailable(f"{path} cannot be written ({error.strerror}).") from error
