"""The composer: splits the prompt into tasks and gives each its adapters (Stylus, section 3.3).

Two composers, one contract: a language model or our local one, which is the default and the
fallback. Whatever they answer is held against the prompt and the candidates here.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from engine.community.rules import broken_rules
from engine.composing import llm_composer
from engine.composing.local_composer import compose_locally, pick_adapter
from engine.composing.local_model import LocalModel, load_model
from engine.errors import BadOption, ComposerUnavailable, CompositionRefused
from engine.retrieving.retrieval import Retrieval
from engine.settings import Settings
from engine.values import Adapter, ComposerName, Composition, Pick, Task


async def compose(
    prompt: str,
    retrieval: Retrieval,
    name: ComposerName,
    settings: Settings,
    model: LocalModel | None = None,
    chosen: llm_composer.Chosen = lambda _: None,
    drop: Collection[str] = (),
) -> Composition:
    """Returns the composition of the prompt, by the local composer where the LLM fails.

    Its `degraded` says that, and what came in a lesser way from the retrieval. `chosen` hears of
    adapters while a language model still writes. Adapters of the ids `drop` serve nothing.
    """
    made = await _compose(prompt, retrieval, name, settings, model, chosen, drop)
    return replace(made, degraded=(*retrieval.degraded, *made.degraded))


async def _compose(
    prompt: str,
    retrieval: Retrieval,
    name: ComposerName,
    settings: Settings,
    model: LocalModel | None,
    chosen: llm_composer.Chosen,
    drop: Collection[str],
) -> Composition:
    left = retrieval.without(drop)
    if name == "llm":
        try:
            made = await llm_composer.compose(prompt, retrieval, settings, chosen, drop)
            return _checked(made, retrieval, settings)
        except (ComposerUnavailable, CompositionRefused) as error:
            local = _compose_locally(prompt, left, settings, model)
            return replace(local, degraded=(f"{error} The local composer took over.",))
    return _compose_locally(prompt, left, settings, model)


def choose_composer(asked: ComposerName | None, settings: Settings) -> ComposerName:
    """Returns which composer serves a request. Raises `BadOption` for an LLM not configured."""
    name = asked or settings.composer.default
    if name == "llm" and not (settings.llm.base_url and settings.llm.model):
        raise BadOption(
            "The LLM composer is not configured; set llm.base_url and llm.model, or use “local”."
        )
    return name


def _compose_locally(
    prompt: str, retrieval: Retrieval, settings: Settings, model: LocalModel | None
) -> Composition:
    limits = settings.composer
    chosen = model or load_model(limits.weights)
    made = compose_locally(prompt, retrieval, chosen, limits.per_task, limits.total)
    return _checked(made, retrieval, settings)


def _checked(composition: Composition, retrieval: Retrieval, settings: Settings) -> Composition:
    broken = broken_rules(composition, retrieval.candidates, settings.composer)
    if broken:
        raise CompositionRefused(broken[0])
    return composition


def pin_adapters(composition: Composition, pinned: Sequence[Adapter]) -> Composition:
    """Returns the composition with every pinned adapter in it.

    One that the composer did not choose becomes a pick for the whole prompt.
    """
    chosen = {pick.adapter_id for pick in composition.picks}
    added = tuple(_pinned(adapter) for adapter in pinned if adapter.id not in chosen)
    if not added:
        return composition
    return replace(composition, tasks=(*composition.tasks, Task(composition.prompt, added)))


def _pinned(adapter: Adapter) -> Pick:
    return pick_adapter(adapter, 1.0, "you pinned it")
