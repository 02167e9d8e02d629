"""Prompt files of several kinds, and the built-in world's own prompts."""

import json
from pathlib import Path

import pytest

from engine.builtin.world import BASE_SHAPES, kind_of
from engine.errors import BadFile
from engine.evaluating.questions import read_questions
from engine.evaluating.world_questions import GROUPS, NONE, TWO, world_questions

COCO = json.dumps({"images": [], "annotations": [{"caption": "a fox"}, {"caption": " a bee "}]})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.txt", "a fox\n\n  a bee\n"),
        ("lines.jsonl", '{"prompt": "a fox", "id": 1}\n\n{"prompt": "a bee"}\n'),
        ("parti.tsv", "Prompt\tCategory\na fox\tAnimals\na bee\tAnimals\n"),
        ("parti.csv", 'Category,Prompt\nAnimals,"a fox"\nAnimals,a bee\n'),
        ("coco.json", COCO),
        ("list.json", '[{"prompt": "a fox"}, {"prompt": "a bee"}]'),
    ],
)
def test_prompts_come_from_many_kinds_of_files(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert [question.prompt for question in read_questions(path, 10)] == ["a fox", "a bee"]
    assert [question.prompt for question in read_questions(path, 1)] == ["a fox"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.txt", b"\n \n", "has no prompts"),
        ("empty.json", b"[]", "has no prompts"),
        ("broken.jsonl", b'{"prompt": ', "is not the JSON"),
        ("other.jsonl", b'{"text": "a fox"}', "without a text"),
        ("number.jsonl", b'{"prompt": 3}', "without a text"),
        ("odd.json", b'"a fox"', "without a text"),
        ("other.tsv", b"Text\na fox\n", "without a text"),
        ("bytes.txt", b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadFile, match=sentence) as caught:
        read_questions(path, 10)
    assert str(path) in str(caught.value)


def test_the_worlds_prompts_come_with_what_their_images_must_show() -> None:
    questions, pictures = world_questions(300)
    assert world_questions(30)[0] == questions[:30]
    assert [question.group for question in questions[:3]] == list(GROUPS)
    for question, picture in zip(questions, pictures, strict=True):
        ideas = picture.ideas()
        assert len(ideas) == GROUPS.index(question.group)
        hidden = {"texture"} if picture.style in ("blueprint", "pencil") else set()
        seen = [idea for idea in ideas if kind_of(idea) not in hidden]
        assert question.needs == {kind_of(idea) for idea in seen}
        assert {question.truth[kind] for kind in question.needs} == set(seen)
        assert "skull" not in ideas
        if question.group == NONE:
            assert question.truth["shape"] in BASE_SHAPES
            assert question.truth["background"] == picture.background
        if question.group == TWO:
            assert question.needs
