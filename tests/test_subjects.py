"""Characters and people are called by their names and by nothing else."""

import pytest

from engine.composing.subjects import kind_of, names_of, spoken_names


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        (["Character", "anime"], "character"),
        (["celebrity", "woman"], "person"),
        (["celebrity", "character"], "character"),
        (["style", "characterful"], ""),
        ([], ""),
    ],
)
def test_tags_tell_whom_a_card_depicts(tags: list[str], kind: str) -> None:
    assert kind_of(tags) == kind


@pytest.mark.parametrize(
    ("title", "labels", "names"),
    [
        (
            "Luxanna Crownguard from League Of Legends",
            ["luxanna crownguard", "staff", "1girl"],
            ("luxanna crownguard",),
        ),
        (
            "K/DA All Out Akali",
            ["akali", "kda all out akali", "girl"],
            ("k da all out akali", "akali"),
        ),
        ("Raven (Teen Titans) | 3 outfits", ["raven", "red hair"], ("raven",)),
        ("Snow White", ["snow", "white", "snow white"], ("snow white",)),
        ("Cute girl", ["girl", "cute"], ()),
        ("初音ミク", ["miku"], ("初音ミク",)),
    ],
)
def test_names_are_the_titles_head_and_labels_made_of_the_title(
    title: str, labels: list[str], names: tuple[str, ...]
) -> None:
    assert names_of(title, labels) == names


def test_every_run_of_words_may_be_a_name() -> None:
    assert spoken_names("Lux, the mage") == [
        "lux",
        "lux the",
        "lux the mage",
        "mage",
        "the",
        "the mage",
    ]
    assert spoken_names("") == []
