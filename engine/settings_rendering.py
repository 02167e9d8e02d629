"""The tables of the settings that say what is rendered, and how."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Section(BaseModel):
    """A table of the configuration; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


CheckpointName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class Checkpoint(Section):
    """What renders when a request names no checkpoint."""

    name: CheckpointName = "builtin"
    #: A diffusers folder, a hub id or a single file; "builtin" is the one that ships with us.
    source: str = "builtin"
    #: Base model family; empty: read off the checkpoint by the renderer.
    family: str = "stylus-small"
    #: File of a few-step adapter for drafts, on the renderers' disks; empty: no drafts.
    draft: str = ""
    #: The steps that the adapter was made for, if it is of the Lightning kind; 0: of the LCM kind.
    draft_steps: int = Field(0, ge=0, le=8)
    #: Folder or hub id of a tiny decoder for previews; empty: a map fitted to the checkpoint.
    preview: str = ""


class OtherCheckpoint(Section):
    """A further checkpoint, which requests may name; what is not set is as for the first."""

    source: str = Field(min_length=1)
    family: str = Field(min_length=1)
    draft: str = ""
    draft_steps: int = Field(0, ge=0, le=8)
    preview: str = ""
    width: int | None = Field(None, ge=64, le=2048)
    height: int | None = Field(None, ge=64, le=2048)
    scheduler: str | None = None
    steps: int | None = Field(None, ge=1, le=150)
    guidance: float | None = Field(None, ge=1.0, le=30.0)
    negative: str | None = None


class Sampling(Section):
    """How images are made unless a request says otherwise."""

    images: int = Field(4, ge=1, le=8)
    width: int = Field(128, ge=64, le=2048)
    height: int = Field(128, ge=64, le=2048)
    scheduler: str = "DDIM"
    steps: int = Field(15, ge=1, le=150)
    guidance: float = Field(4.0, ge=1.0, le=30.0)
    negative: str = ""


class Draft(Section):
    """Quick images by a few-step adapter of the LCM kind."""

    steps: int = Field(6, ge=1, le=8)
    guidance: float = Field(1.5, ge=1.0, le=2.0)


class Renderer(Section):
    """The GPU worker."""

    #: "auto" takes CUDA where there is one.
    device: str = "auto"
    #: "auto" is half precision on a GPU and single precision on a CPU.
    precision: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    #: CPU threads of torch; 0 takes all cores but one.
    threads: int = Field(0, ge=0, le=256)
    #: Host memory for parsed adapters, in megabytes.
    adapter_cache_mb: int = Field(2048, ge=16)
    #: Memory of the device for merged weights of one batch, in megabytes.
    slots_mb: int = Field(4096, ge=0)
    #: Memory that loaded checkpoints take together, in megabytes; one is always there.
    checkpoints_mb: int = Field(12_288, ge=0)
    #: Most images in one batch.
    images: int = Field(16, ge=1, le=256)
    #: Whether a GPU's steps are recorded once a batch (CUDA graphs) and played back.
    graphs: bool = False
    #: Seconds that a job waits for others to share its batch, on an idle device.
    wait: float = Field(0.05, ge=0, le=10)
    #: Seconds for which a job may be overtaken by those whose adapters are in memory; 0: never.
    patience: float = Field(2.0, ge=0, le=60)
    #: Seconds between two previews of a request; 0: none.
    preview: float = Field(2.0, ge=0, le=600)
    #: Who looks at finished images for what must not be shown. "auto": "builtin" for the built-in
    #: checkpoint, whose world alone it knows, else the safety checker in the checkpoint's folder.
    safety: Literal["auto", "none", "builtin", "diffusers", "classifier"] = "auto"
    #: Folder or hub id of the safety checker or of a transformers image classifier.
    safety_model: str = ""
    #: Probability from which on an image is withheld.
    safety_threshold: float = Field(0.5, gt=0, le=1)
