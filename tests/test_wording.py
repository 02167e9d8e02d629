"""The gate at the prompt: whole words, whatever their spelling, and children never."""

import pytest

from engine.community.wording import refuse_prompt
from engine.errors import BadPrompt

FINE = [
    "a class of students on the grass",
    "bond villain in a tuxedo",
    "Essex cathedral, Sussex coast",
    "a child with a red balloon",
    "little girl in a flower meadow",
    "a sexy adult woman in lingerie",
    "a rooster and a blue tit",
    "a minor chord on a piano",
    "a young girl, 12 years old, riding a horse",
    "scunthorpe, analysis, cumulus clouds, document, title",
    "Dick Van Dyke, a peacock, cocktail glasses",
    "s e a view",
    "woman, 25 years old, swimsuit",
]
ADULT = [
    "a nude woman",
    "NSFW, woman",
    "n u d e woman",
    "n.u.d.e woman",
    "nuuuude woman",
    "nüde woman",
    "n\u200bude woman",
    "nud\u0435 woman",
    "nud3 woman",
    "p0rn",
    "woman (naked:1.3)",
    "ｎａｋｅｄ woman",
    "n@ked woman",
    "eine nackte Frau",
    "bondage",
]
NEVER = [
    "nude child",
    "sexy toddler",
    "a little girl in lingerie",
    "undressed schoolgirl",
    "l0li, seductive",
    "girl, 12 years old, sexy",
    "14yo in panties",
    "s h o t a, naked",
    "nacktes Mädchen, kind",
    "naked middle school student",
]


@pytest.mark.parametrize("prompt", FINE)
def test_plain_words_pass_everywhere(prompt: str) -> None:
    refuse_prompt(prompt, adults=False)


@pytest.mark.parametrize("prompt", ADULT)
def test_what_is_for_adults_passes_only_among_them(prompt: str) -> None:
    with pytest.raises(BadPrompt, match="not taken here") as refused:
        refuse_prompt(prompt, adults=False)
    assert prompt not in str(refused.value)
    refuse_prompt(prompt, adults=True)


@pytest.mark.parametrize("prompt", NEVER)
@pytest.mark.parametrize("adults", [True, False])
def test_children_are_never_drawn_so(prompt: str, adults: bool) -> None:
    with pytest.raises(BadPrompt, match="never taken"):
        refuse_prompt(prompt, adults=adults)
