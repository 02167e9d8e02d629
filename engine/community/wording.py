"""The gate at the prompt: words for what is not made, compared as whole words.

Words are compared in one plain form, so that neither spelling tricks pass nor parts of other
words count: "class" is no insult and "bond" no "bondage". The lists are short on purpose, of words
that hardly mean anything else; what they miss, adapters' ratings and the look at finished images
are for. Nobody is told which word it was.
"""

import re
import unicodedata

from engine.errors import BadPrompt

NEVER = "Prompts of this kind are never taken."
NOT_HERE = (
    "Prompts of this kind are not taken here; an admin may allow them in a channel for adults."
)

#: Asks for what only adults may see.
_SEXUAL = frozenset(
    """nsfw nude nudes nudity nudist naked topless bottomless porn porno pornographic pornography
    hentai ecchi r18 xxx hardcore sex sexual sexually sexualized intercourse erotic erotica lewd
    genitals genitalia penis vagina vulva labia clitoris nipple nipples areola areolae testicles
    scrotum erection ejaculation ejaculate cum cumshot creampie blowjob handjob fellatio
    cunnilingus masturbate masturbating masturbation orgasm orgasmic ahegao bdsm bondage fetish
    dildo vibrator stripper striptease upskirt cameltoe incest rape raped gangbang threesome orgy
    milf futanari futa yiff deepthroat whore slut nackt nackte nackter nacktes sexuell pornografie
    erotisch""".split()
)
#: Suggests it: enough only beside a child.
_SUGGESTIVE = frozenset(
    """sexy seductive sensual lingerie underwear panties thong bra undressed undressing unclothed
    braless provocative aroused horny breast breasts boobs butt buttocks cleavage kinky spread
    bikini swimsuit stockings garter""".split()
)
_CHILDREN = frozenset(
    """child children childlike kid kids toddler toddlers infant infants baby babies minor minors
    underage underaged preteen preteens tween teen teens teenage teenager teenagers schoolgirl
    schoolgirls schoolboy schoolboys loli lolis lolita lolicon shota shotacon cub kindergarten
    kindergartner preschooler pubescent prepubescent kind kinder minderjahrig kleinkind
    schulmadchen teeny jailbait""".split()
)
_CHILD_PHRASES = (
    "little girl",
    "little girls",
    "little boy",
    "little boys",
    "young girl",
    "young girls",
    "young boy",
    "young boys",
    "kleines madchen",
    "kleiner junge",
    "elementary school",
    "middle school",
    "high school",
)
_AGE = re.compile(r"\b(\d{1,2}) ?(?:yo|yr|yrs|year|years|jahre|jahrige|jahriges)\b")
_ADULT = 18

#: Letters of other scripts, digits and signs that stand in for Latin letters.
_LOOKALIKES = str.maketrans("аеорсхуіѕкмнтв013457@$!|", "aeopcxyiskmhtboieastasil")
_WORD = re.compile(r"[^\W_]+")


def refuse_prompt(prompt: str, *, adults: bool) -> None:
    """Raises `BadPrompt` for what is not made, `adults` saying whether only they see it.

    Children are never drawn in a sexual way, whoever sees it.
    """
    if is_never_taken(prompt):
        raise BadPrompt(NEVER)
    if not adults and is_for_adults(prompt):
        raise BadPrompt(NOT_HERE)


def is_for_adults(text: str) -> bool:
    """Whether a text, such as an adapter's name and tags, speaks of what only adults may see."""
    return not _SEXUAL.isdisjoint(_words(text)[0])


def is_never_taken(text: str) -> bool:
    """Whether it speaks of children in a sexual way."""
    words, plain = _words(text)
    return not (_SEXUAL | _SUGGESTIVE).isdisjoint(words) and _names_children(words, plain)


def _names_children(words: frozenset[str], text: str) -> bool:
    return (
        not _CHILDREN.isdisjoint(words)
        or any(f" {phrase} " in f" {text} " for phrase in _CHILD_PHRASES)
        or any(int(age) < _ADULT for age in _AGE.findall(text))
    )


def _words(prompt: str) -> tuple[frozenset[str], str]:
    """Every form that a word of the prompt may be meant in, and the plain words in a row."""
    plain = _plain(prompt)
    tokens = _WORD.findall(plain)
    # Signs inside of words are read as letters: the split form has lost them.
    drawn = [_WORD.sub(lambda m: m[0], piece) for piece in _pieces(plain)]
    forms = {*tokens, *drawn, *_spelled(tokens)}
    forms |= {_unrepeated(form) for form in forms}
    return frozenset(forms), " ".join(tokens)


def _plain(text: str) -> str:
    """Lower case without accents and invisible characters."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if unicodedata.category(c) not in ("Mn", "Cf"))


def _pieces(plain: str) -> list[str]:
    """What stands between blanks and brackets, its lookalikes turned into letters."""
    pieces = re.split(r"[\s()\[\]{}<>:;,.\"'/\\+*&#]+", plain)
    return [re.sub(r"[\W_]", "", piece.translate(_LOOKALIKES)) for piece in pieces]


def _spelled(tokens: list[str]) -> list[str]:
    """Words that are spelled out, letter by letter."""
    found, letters = [], ""
    for token in [*tokens, ""]:
        if len(token) == 1:
            letters += token
        else:
            found.append(letters)
            letters = ""
    return found


def _unrepeated(word: str) -> str:
    """The word with letters that are drawn out written once."""
    return re.sub(r"(.)\1{2,}", r"\1", word)
