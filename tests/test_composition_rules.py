"""The rules that hold whatever a language model answers and whatever stands in the catalogue."""

import json

from hypothesis import given
from hypothesis import strategies as st

from engine.community.rules import broken_rules
from engine.composing.llm_answer import read_answer
from engine.composing.llm_composer import _composed
from engine.errors import CompositionRefused
from engine.settings import Composer
from engine.values import Candidate, fold
from tests.samples import adapter

PROMPT = "a red star with Akali, a night sky and a red fox by night"
CANDIDATES = tuple(
    Candidate(adapter(f"test:{n}", f"Card {n}", weight=round(0.1 * n - 0.3, 1)), 0.5)
    for n in range(8)
)
WORDS = [*fold(PROMPT).split(), "bondage", "", "RED STAR", "red-star", "night sky", "everything"]

tasks = st.lists(
    st.fixed_dictionaries(
        {
            "keyword": st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join)
            | st.text(max_size=12),
            "adapters": st.lists(st.integers(-2, 11) | st.just(10**30), max_size=9),
        }
    ),
    max_size=9,
)


@given(tasks, st.integers(1, 3), st.integers(1, 12))
def test_a_models_answer_keeps_the_rules_or_is_refused(
    answered: list[dict[str, object]], per_task: int, total: int
) -> None:
    answer = read_answer(json.dumps({"tasks": answered}))
    try:
        made = _composed(PROMPT, answer, CANDIDATES, per_task, total)
    except CompositionRefused as refused:
        assert answered, refused
        return
    limits = Composer(per_task=per_task, total=total)
    assert broken_rules(made, CANDIDATES, limits) == ()
    words = [word for task in made.tasks for word in fold(task.keyword).split()]
    assert all(words.count(word) <= fold(PROMPT).split().count(word) for word in words)
    assert all(task.keyword in PROMPT for task in made.tasks), "in the prompt's own spelling"


@given(st.text(max_size=200) | st.text(alphabet='{}[]",:task keyword adpr0123456789', max_size=200))
def test_no_answer_breaks_the_reader(said: str) -> None:
    try:
        answer = read_answer(said)
    except CompositionRefused:
        return
    assert answer.tasks or not answer.repaired


@given(st.booleans(), st.sampled_from(["character", "person"]))
def test_somebody_is_used_only_where_the_prompt_names_them(named: bool, kind: str) -> None:
    name = "akali" if named else "kali"
    somebody = adapter("test:somebody", "Somebody", kind=kind, names=(name,))
    candidates = (Candidate(somebody, 0.5),)
    answer = read_answer('{"tasks": [{"keyword": "Akali", "adapters": [1]}]}')
    made = _composed(PROMPT, answer, candidates, 3, 12)
    broken = broken_rules(made, candidates, Composer())
    assert broken == (
        () if named else ("test:somebody depicts somebody whom the prompt does not name.",)
    )
