"""The reply says what the renderer reported, and why anything is less than planned."""

from bot.reply import Cell, make_reply
from bot.texts import ENGLISH
from engine.values import Answer, Composition, Phase, Task, Timings
from tests.samples import loaded, pick, plan, planned, rendering, request, skipped

COMPOSED = Composition(
    "a red star at night",
    (Task("star", (pick("a"), pick("b"))), Task("night", ())),
    "local",
    degraded=("The LLM did not answer. The local composer took over.",),
)
REASON = "its file is not here."


def answer(phase: Phase = Phase.RENDERED, **fields: object) -> Answer:
    made = {
        "request": request("a red star at night"),
        "phase": phase,
        "composition": COMPOSED,
        "plans": (plan(0, planned("a")), plan(1, planned("a", 0.5, 1.0), planned("b"))),
        "renderings": (
            rendering(0, on=(loaded("a"),)),
            rendering(1, on=(loaded("a", 0.5, 1.0),), off=(skipped("b", REASON),)),
        ),
        "timings": Timings(),
        "notes": ("All masks have been used.",),
        "failure": None,
    }
    return Answer(**{**made, **fields})  # type: ignore[arg-type]


def test_each_adapter_is_on_off_or_skipped_in_each_image() -> None:
    rows = make_reply(answer()).rows
    assert [(row.words, row.adapter_id, row.cells) for row in rows] == [
        ("star", "a", (Cell("on", 0.8), Cell("on", 0.5, 1.0))),
        ("star", "b", (Cell("off"), Cell("skipped"))),
        ("night", None, ()),
    ]
    assert rows[2].why == ENGLISH.nothing_fits


def test_an_image_that_came_out_broken_is_no_column() -> None:
    reply = make_reply(answer(renderings=(rendering(1, on=(loaded("a", 0.5, 1.0),)),)))
    assert [image.rendering.index for image in reply.images] == [1]
    assert [row.cells for row in reply.rows] == [(Cell("on", 0.5, 1.0),), (Cell("off"),), ()]


def test_the_weight_is_the_one_that_was_loaded_not_the_planned_one() -> None:
    loaded_otherwise = answer(renderings=(rendering(0, on=(loaded("a", 0.25),)),))
    assert make_reply(loaded_otherwise).rows[0].cells == (Cell("on", 0.25),)


def test_remarks_tell_what_was_used_up_degraded_skipped_and_reduced() -> None:
    notes, degraded, was_skipped, reduced = make_reply(answer()).remarks
    assert notes == "All masks have been used."
    assert degraded == "The LLM did not answer. The local composer took over."
    assert was_skipped == f"“Title of b” was skipped: {REASON}"
    assert "1 → 0.5" in reduced
    assert "Title of a" in reduced
    assert reduced.startswith("Image 2: ")


def test_a_reason_that_holds_for_all_images_is_told_once() -> None:
    renderings = tuple(rendering(n, off=(skipped("b", REASON),)) for n in range(2))
    remarks = make_reply(answer(renderings=renderings)).remarks
    assert sum(REASON in remark for remark in remarks) == 1


def test_images_say_what_they_show() -> None:
    first, second = make_reply(answer()).images
    assert first.alt == "Image 1 of “a red star at night”, with the adapters Title of a 0.8."
    assert second.label.startswith("2")
    bare = make_reply(answer(renderings=(rendering(0),))).images[0]
    assert bare.alt.endswith("without adapters.")


def test_a_failure_has_no_images_and_one_sentence() -> None:
    failed = answer(Phase.FAILED, renderings=(), plans=(), composition=None, failure="No room.")
    reply = make_reply(failed)
    assert (reply.images, reply.rows, reply.failure) == ((), (), "No room.")
    assert make_reply(answer(failure="old")).failure is None
