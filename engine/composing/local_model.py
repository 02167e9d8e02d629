"""The local composer's trained weights, in one safetensors file that ships with the project."""

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from engine.composing.scorer import Scorer
from engine.composing.tagger import Tagger
from engine.errors import ComposerUnavailable
from engine.retrieving.embedder import MiniLM
from engine.retrieving.query_maps import QueryMaps, plain_maps

#: Trained on the published compositions of COCO captions; `stylus composer train` makes another.
SHIPPED = Path(__file__).parent / "composer.safetensors"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """What segments, asks and assigns. The thresholds were found by cross-validation."""

    tagger: Tagger
    scorer: Scorer
    #: What a keyword's probability must exceed.
    keyword_threshold: float
    #: From this probability on a keyword is served by none.
    none_threshold: float
    #: Moves what the retriever asks for.
    query: QueryMaps

    @property
    def unmoved(self) -> "LocalModel":
        """The same, but it asks for the very words, as whoever looks through a library does."""
        return replace(self, query=plain_maps(MiniLM.dimensions))

    def save(self, path: Path) -> None:
        """Writes the file; all but the scorer's weights in half precision."""
        tensors = {f"scorer.{f.name}": getattr(self.scorer, f.name) for f in fields(Scorer)}
        tensors |= {"tagger.mean": self.tagger.mean, "tagger.projection": self.tagger.projection}
        for n, member in enumerate(self.tagger.members):
            tensors |= {f"tagger.{n}.{name}": value for name, value in member.items()}
        tensors |= {f"query.{f.name}": getattr(self.query, f.name) for f in fields(QueryMaps)}
        stored = {
            name: np.ascontiguousarray(
                value, np.float32 if name.startswith("scorer.") else np.float16
            )
            for name, value in tensors.items()
        }
        thresholds = {name: repr(getattr(self, name)) for name in _THRESHOLDS}
        half = path.with_name(path.name + ".half")
        save_file(stored, half, thresholds)
        half.chmod(0o644)  # the library makes it readable for its owner alone
        half.replace(path)


_THRESHOLDS = ("keyword_threshold", "none_threshold")


def read_model(path: Path) -> LocalModel:
    """Returns the weights of a file. Raises `ComposerUnavailable` where it is none."""
    try:
        with safe_open(path, "numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            thresholds = {name: float(file.metadata()[name]) for name in _THRESHOLDS}
        scorer = Scorer(
            **{f.name: tensors[f"scorer.{f.name}"].astype(np.float64) for f in fields(Scorer)}
        )
        query = QueryMaps(
            **{f.name: tensors[f"query.{f.name}"].astype(np.float32) for f in fields(QueryMaps)}
        )
        halves = {
            k.removeprefix("tagger."): v for k, v in tensors.items() if k.startswith("tagger")
        }
        single = {name: value.astype(np.float32) for name, value in halves.items()}
        mean, projection = single.pop("mean"), single.pop("projection")
    except Exception as error:  # the library has errors of its own, all of them meaning this
        raise ComposerUnavailable(
            f"The local composer's weights {path} cannot be read; install Stylus again, or train "
            "them with `stylus composer train`."
        ) from error
    count = len({name.split(".")[0] for name in single})
    members = tuple(
        {k.split(".", 1)[1]: v for k, v in single.items() if k.startswith(f"{n}.")}
        for n in range(count)
    )
    return LocalModel(Tagger(mean, projection, members), scorer, query=query, **thresholds)


@lru_cache(maxsize=2)
def load_model(weights: str = "") -> LocalModel:
    """Returns the weights of a file, by default those that ship with us, read at the first call.

    Raises `ComposerUnavailable`.
    """
    return read_model(Path(weights) if weights else SHIPPED)
