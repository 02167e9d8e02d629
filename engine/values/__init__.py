"""The values that flow through Stylus, forward only.

    Ask -> Request -> Candidates -> Composition -> Masks -> ImagePlans -> Renderings -> Answer

All are frozen and hold plain data: no client, callback or connection. Times are seconds,
sizes are pixels, adapter ids are strings that stay the same when a card is imported again.
"""

from engine.values.answer import Answer
from engine.values.asking import (
    MAX_WEIGHT,
    Ask,
    Asker,
    ComposerName,
    Home,
    Kind,
    Opponent,
    Overrides,
    Request,
    Rules,
    Sampling,
    Source,
)
from engine.values.composing import (
    Adapter,
    Candidate,
    Composition,
    Mask,
    Pick,
    Task,
    fold,
    is_part_of,
)
from engine.values.phase import (
    FINAL_PHASES,
    OPEN_PHASES,
    Equipment,
    Pace,
    Phase,
    Progress,
    Standing,
    Standings,
    Timings,
    Worker,
)
from engine.values.rendering import (
    ImagePlan,
    LoadedAdapter,
    PlannedAdapter,
    Rendering,
    SkippedAdapter,
)

__all__ = [
    "FINAL_PHASES",
    "MAX_WEIGHT",
    "OPEN_PHASES",
    "Adapter",
    "Answer",
    "Ask",
    "Asker",
    "Candidate",
    "ComposerName",
    "Composition",
    "Equipment",
    "Home",
    "ImagePlan",
    "Kind",
    "LoadedAdapter",
    "Mask",
    "Opponent",
    "Overrides",
    "Pace",
    "Phase",
    "Pick",
    "PlannedAdapter",
    "Progress",
    "Rendering",
    "Request",
    "Rules",
    "Sampling",
    "SkippedAdapter",
    "Source",
    "Standing",
    "Standings",
    "Task",
    "Timings",
    "Worker",
    "fold",
    "is_part_of",
]
