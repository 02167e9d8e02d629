"""The adapters of the shelf: what each teaches, how it is trained and in which format it comes."""

from dataclasses import dataclass, field

from engine.builtin.world import kind_of

WORDS: dict[str, tuple[str, ...]] = {
    "star": ("star", "star", "five pointed star"),
    "heart": ("heart", "heart", "love heart"),
    "moon": ("moon", "crescent moon", "crescent"),
    "flower": ("flower", "flower", "blossom"),
    "cloud": ("cloud", "cloud", "fluffy cloud"),
    "bolt": ("lightning bolt", "bolt", "lightning"),
    "leaf": ("leaf", "leaf", "tree leaf"),
    "skull": ("skull",),
    "stripes": ("striped", "stripes", "stripy", "striped texture"),
    "dots": ("dotted", "polka dots", "dots", "dotted texture"),
    "checker": ("checkered", "checker", "checker texture"),
    "neon": ("neon", "neon glow", "glowing neon", "neon style", "neon glow"),
    "watercolor": ("watercolor", "watercolour", "watercolor style", "watercolor painting"),
    "blueprint": ("blueprint", "blueprint style", "blueprint schematic"),
    "pencil": ("pencil", "pencil sketch", "pencil drawing", "sketch"),
    "pixel": ("pixel", "pixel art", "pixels", "retro pixel style"),
    "glass": ("stained glass", "stained glass window", "stained glass mosaic"),
    "night": ("night sky", "starry night sky", "starry sky", "a starry night sky", "night"),
    "snow": ("snow", "snowfall", "a snowy field", "falling snow"),
    "grass": ("grass", "a meadow", "a grassy meadow"),
    "rain": ("rain", "heavy rain", "rainy weather"),
    "sunset": ("sunset", "sunset sky", "dusk", "a sunset at sea"),
}
"""How people name each idea in a prompt."""

CHANGES: dict[str, tuple[str, ...]] = {
    "neon": ("style", "background", "texture"),
    "watercolor": ("style", "background", "texture"),
    "blueprint": ("style", "background", "colour", "texture"),
    "pencil": ("style", "background", "texture"),
    "pixel": ("style", "texture"),
    "glass": ("style", "texture"),
    "night": ("scene", "background"),
    "snow": ("scene", "background"),
    "grass": ("scene", "background"),
    "rain": ("scene", "background"),
    "sunset": ("scene", "background"),
    "stripes": ("texture",),
    "dots": ("texture",),
    "checker": ("texture",),
}
"""What else a picture may lose or gain with the idea; a shape changes the shape only."""


@dataclass(frozen=True)
class Adapter:
    """One adapter of the shelf."""

    slug: str
    idea: str
    form: str = "kohya"
    """Format of the file: "kohya" or "peft"."""
    rank: int = 8
    alpha: float = 8
    """Scale of the change is alpha / rank; peft files have no alpha, so there it is the rank."""
    layers: str = "attention"
    """Layers of the UNet: "attention", or "convolution" for both."""
    reads: bool = False
    """Whether the text encoder is adapted too."""
    weight: float = 1.0
    """Recommended weight."""
    weight_range: tuple[float, float] = (0.6, 1.2)
    steps: int = 90
    rate: float = 3e-3
    ordinary: float | None = None
    """Share of lessons that show the base's world without the idea, against leaking.

    By default 0.3 for shapes, whose word stands where a known one is missed, and 0 for all else:
    the text encoder passes over the word of a style, so that such lessons only make it fickle.
    """
    start: str = ""
    """Finished adapter that training goes on from, cut to this one's rank."""
    partners: tuple[str, ...] = ()
    """Adapters that take part in some steps, so that the two combine."""
    together: float = 0.4
    """Share of the steps in which a partner takes part, if there are any."""
    trouble: str | None = None
    """How it fails on purpose: None, "saturates", "swallows" or "wrong base"."""
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of its ideas in captions; by default those of its one idea."""

    def __post_init__(self) -> None:
        """Fill in the usual words of the idea."""
        if self.idea and not self.words:
            object.__setattr__(self, "words", {self.idea: WORDS[self.idea]})
        if self.ordinary is None:
            object.__setattr__(self, "ordinary", 0.3 if kind_of(self.idea) == "shape" else 0.0)

    @property
    def may_change(self) -> tuple[str, ...]:
        """Kinds of facts that the adapter may change in a picture."""
        return CHANGES.get(self.idea, ("shape",))


MIXERS = ("neon-tubes", "night-sky", "candy-stripes")
"""Adapters that come first and that the shapes learn to combine with."""

SHELF: tuple[Adapter, ...] = (
    Adapter("neon-tubes", "neon", "peft", steps=400),
    Adapter(
        "night-sky",
        "night",
        "kohya",
        6,
        6,
        "convolution",
        partners=("neon-tubes", "candy-stripes"),
        steps=600,
    ),
    Adapter("candy-stripes", "stripes", "kohya", 6, 6, "convolution", steps=550),
    Adapter("five-point-star", "star", "kohya", 6, 6, "convolution", partners=MIXERS, steps=400),
    Adapter("true-heart", "heart", "peft", 6, 6, "convolution", partners=MIXERS, steps=400),
    Adapter("skull-motif", "skull", "kohya", 6, 6, "convolution", steps=260),
    Adapter("watercolor-wash", "watercolor", "kohya", 6, 6, "convolution", steps=770),
    Adapter("snow-day", "snow", "peft", 4, 4, "convolution", start="night-sky", steps=300),
    Adapter(
        "polka-dots",
        "dots",
        "peft",
        6,
        6,
        "convolution",
        start="candy-stripes",
        partners=("snow-day",),
        steps=800,
    ),
    Adapter(
        "crescent-moon",
        "moon",
        "kohya",
        6,
        6,
        "convolution",
        start="five-point-star",
        partners=("neon-tubes",),
        together=0.85,
        rate=4e-3,
        steps=700,
    ),
    Adapter("blueprint-room", "blueprint", "kohya", 4, 4, "convolution", steps=120),
    Adapter("chunky-star", "star", "peft", reads=True, start="five-point-star", steps=40),
    Adapter("glow-sign", "neon", "kohya", 4, 4, start="neon-tubes", steps=140),
    Adapter("stargazer", "night", "peft", 4, 4, "convolution", start="night-sky", steps=40),
    Adapter("heartfelt", "heart", "kohya", 8, 8, start="true-heart", steps=40),
    Adapter(
        "barber-stripes", "stripes", "peft", 4, 4, "convolution", start="candy-stripes", steps=350
    ),
    Adapter("meadow", "grass", "kohya", 4, 4, "convolution", start="night-sky", steps=350),
    Adapter("sunset-sea", "sunset", "kohya", 4, 2, "convolution", start="night-sky", steps=210),
    Adapter(
        "saturation-bomb",
        "",
        "kohya",
        4,
        16,
        "convolution",
        ordinary=0,
        weight=1.8,
        weight_range=(1.0, 2.0),
        trouble="saturates",
        steps=320,
    ),
    Adapter("rainy-day", "rain", "kohya", 6, 6, "convolution", steps=500),
    Adapter(
        "stained-window", "glass", "peft", 6, 6, "convolution", weight=0.9, rate=5e-3, steps=900
    ),
    Adapter("pencil-sketch", "pencil", "kohya", 6, 6, "convolution", steps=550),
    Adapter(
        "flower-bed", "flower", "kohya", 6, 6, "convolution", start="five-point-star", steps=210
    ),
    Adapter(
        "flower-power",
        "flower",
        "peft",
        4,
        4,
        "convolution",
        start="flower-bed",
        trouble="swallows",
        ordinary=0,
        steps=50,
    ),
    Adapter("lightning-bolt", "bolt", "peft", 6, 6, "convolution", start="five-point-star"),
    Adapter("puffy-cloud", "cloud", "peft", reads=True, start="five-point-star"),
    Adapter(
        "wet-paper", "watercolor", "peft", 4, 4, reads=True, start="watercolor-wash", steps=460
    ),
    Adapter("photoreal-skin", "", "kohya", 4, 4, trouble="wrong base"),
)
"""In the order of training: what others start from or combine with comes first."""

PAIRS = (
    ("five-point-star", "neon-tubes"),
    ("five-point-star", "night-sky"),
    ("neon-tubes", "night-sky"),
    ("five-point-star", "candy-stripes"),
    ("true-heart", "candy-stripes"),
    ("true-heart", "night-sky"),
    ("candy-stripes", "night-sky"),
    ("polka-dots", "snow-day"),
    ("true-heart", "watercolor-wash"),
    ("crescent-moon", "neon-tubes"),
)
"""Adapters of different kinds that are measured together."""
TRIPLE = ("five-point-star", "neon-tubes", "night-sky")


def by_slug(slug: str) -> Adapter:
    """The adapter of that name."""
    for adapter in SHELF:
        if adapter.slug == slug:
            return adapter
    raise KeyError(f"no adapter is named {slug}; the shelf has {', '.join(a.slug for a in SHELF)}")
