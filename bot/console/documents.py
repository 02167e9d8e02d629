"""The JSON documents of the command line contract; other programs rely on their keys."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from engine.values import Answer, Candidate, Composition, Pick, Rendering, Timings

Document = dict[str, Any]


def answer_document(answer: Answer, paths: Mapping[int, str]) -> Document:
    """What `stylus prompt` and its kin print; `paths` are the written files by image index."""
    composition = answer.composition
    skipped = {s.adapter_id: asdict(s) for r in answer.renderings for s in r.skipped}
    return {
        "request_id": answer.request.id,
        "kind": answer.request.kind,
        "parent_id": answer.request.parent_id,
        "phase": answer.phase.value,
        "prompt": answer.request.prompt,
        "composer": composition.composer if composition else None,
        "degraded": list(composition.degraded) if composition else [],
        "tasks": task_documents(composition) if composition else [],
        "images": [_image_document(r, paths.get(r.index)) for r in answer.renderings],
        "skipped": list(skipped.values()),
        "notes": list(answer.notes),
        "failure": answer.failure,
        "timings": _rounded(answer.timings),
    }


def task_documents(composition: Composition) -> list[Document]:
    """The tasks of a composition."""
    return [
        {"keyword": task.keyword, "adapters": [_pick_document(pick) for pick in task.picks]}
        for task in composition.tasks
    ]


def composition_document(composition: Composition, seconds: float) -> Document:
    """What `stylus compose` prints."""
    return {
        "prompt": composition.prompt,
        "composer": composition.composer,
        "degraded": list(composition.degraded),
        "tasks": task_documents(composition),
        "seconds": round(seconds, 4),
    }


def candidates_document(prompt: str, candidates: Sequence[Candidate], seconds: float) -> Document:
    """What `stylus retrieve` prints."""
    return {
        "prompt": prompt,
        "candidates": [
            {
                "id": c.adapter.id,
                "source": c.adapter.source,
                "source_id": c.adapter.source_id,
                "title": c.adapter.title,
                "score": round(c.score, 6),
            }
            for c in candidates
        ],
        "seconds": round(seconds, 4),
    }


def _pick_document(pick: Pick) -> Document:
    return {
        "id": pick.adapter_id,
        "source": pick.source,
        "source_id": pick.source_id,
        "title": pick.title,
        "weight": pick.weight,
        "score": pick.score,
        "reason": pick.reason,
    }


def _image_document(rendering: Rendering, path: str | None) -> Document:
    return {
        "index": rendering.index,
        "path": path,
        "seed": rendering.seed,
        "width": rendering.width,
        "height": rendering.height,
        "sha256": rendering.sha256,
        "adapters": [
            {"id": a.adapter_id, "sha256": a.sha256, "weight": a.weight, "layers": a.layers}
            for a in rendering.loaded
        ],
    }


def _rounded(timings: Timings) -> Document:
    return {name: round(seconds, 4) for name, seconds in asdict(timings).items()}
