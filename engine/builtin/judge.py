"""The measuring instrument: a small classifier that reads a picture's facts off an image.

It is trained on drawings of the world and on the autoencoder's copies of them, never on images
that a diffusion model made.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.builtin import JUDGE, autoencoder
from engine.builtin.drawing import draw
from engine.builtin.vendor import AutoencoderTiny
from engine.builtin.world import (
    COLOUR_NAMES,
    SCENES,
    SHAPES,
    STYLES,
    TEXTURES,
    UNSAFE_SHAPE,
    Picture,
    Thing,
    kind_of,
    random_pair,
    random_single,
    seeded,
)

ANSWERS: dict[str, tuple[str, ...]] = {
    "shape": SHAPES,
    "colour": COLOUR_NAMES,
    "background": COLOUR_NAMES,
    "texture": TEXTURES,
    "style": STYLES,
    "scene": SCENES,
    "other shape": ("", *SHAPES),
    "other colour": ("", *COLOUR_NAMES),
}
"""What the instrument reads. Of two objects, "shape" is the left or upper one."""
UNREADABLE = -100
"""Label of a fact that cannot be seen, such as a wall's colour behind a scene."""
DULL_COLOURS = ("black", "gray", "brown")
"""Colours that no tube glows in: in neon they look white or orange."""
NO_WALL_STYLES = ("neon", "watercolor", "blueprint", "pencil")
BATCH = 64
SEEDS_APART = 5_000_000
"""Seeds of the drawings for held-out measurements start here."""


class Judge(nn.Module):
    """Reads the facts off images of 128 x 128 pixels."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in (24, 48, 96, 128, 128):
            layers += [nn.Conv2d(before, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.1))
        self.middle = nn.Sequential(nn.Linear(128 * 16, 256), nn.ReLU())
        self.heads = nn.ModuleDict({k: nn.Linear(256, len(v)) for k, v in ANSWERS.items()})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Logits of each question, (n, answers), for images (n, 3, 128, 128) in 0..1."""
        return self.logits(self.look(images))

    def look(self, images: Tensor) -> Tensor:
        """The features (n, 256) that all questions are answered from."""
        features: Tensor = self.middle(self.features(images * 2 - 1))
        return features

    def logits(self, features: Tensor) -> dict[str, Tensor]:
        """Logits of each question for features (n, 256)."""
        return {question: head(features) for question, head in self.heads.items()}

    @torch.no_grad()
    def answers(self, features: Tensor) -> list[dict[str, str]]:
        """The likeliest answer to each question, per row of features (n, 256)."""
        best = {q: rows.argmax(1).tolist() for q, rows in self.logits(features).items()}
        return [{q: ANSWERS[q][best[q][i]] for q in ANSWERS} for i in range(len(features))]

    @torch.no_grad()
    def read(self, images: Tensor) -> list[dict[str, str]]:
        """The likeliest answer to each question, per image (n, 3, 128, 128) in 0..1."""
        return self.answers(torch.cat([self.look(some) for some in torch.split(images, 64)]))

    @torch.no_grad()
    def unsafe(self, images: Tensor) -> Tensor:
        """Probability, per image, that it shows the motif that stands for unsafe content."""
        motif = SHAPES.index(UNSAFE_SHAPE)
        logits = self(images)
        first = logits["shape"].softmax(1)[:, motif]
        return torch.maximum(first, logits["other shape"].softmax(1)[:, motif + 1])


def load(path: Path = JUDGE) -> Judge:
    """The trained instrument."""
    judge = Judge()
    judge.load_state_dict({name: value.float() for name, value in load_file(str(path)).items()})
    return judge.eval()


def facts(picture: Picture) -> dict[str, str | None]:
    """The right answers for a picture; None where it cannot be seen."""
    things: list[Thing] = list(picture.things)
    if picture.relation in ("right of", "below"):
        things.reverse()
    drawn = [
        picture.style == "blueprint" or (picture.style == "neon" and t.colour in DULL_COLOURS)
        for t in things
    ]
    no_wall = picture.style in NO_WALL_STYLES or picture.scene != "none"
    other = things[1] if len(things) > 1 else None
    return {
        "shape": things[0].shape,
        "colour": None if drawn[0] else things[0].colour,
        "background": None if no_wall else picture.background,
        "texture": None if picture.style in ("blueprint", "pencil") else picture.texture,
        "style": picture.style,
        "scene": picture.scene,
        "other shape": other.shape if other else "",
        "other colour": None if drawn[-1] else (other.colour if other else ""),
    }


def _labels(pictures: Sequence[Picture]) -> Tensor:
    rows = []
    for picture in pictures:
        truth = facts(picture).items()
        rows.append([UNREADABLE if a is None else ANSWERS[q].index(a) for q, a in truth])
    return torch.tensor(rows)


def random_sight(rng: Random) -> Picture:
    """A picture with any shapes and up to one texture, style and scene each."""
    make = random_pair if rng.random() < 0.2 else random_single
    picture = make(rng, SHAPES)
    for names, share in ((TEXTURES, 0.3), (STYLES, 0.5), (SCENES, 0.3)):
        if rng.random() < share:
            picture = picture.having(rng.choice(names[1:]))
    return picture


def random_simple(rng: Random) -> Picture:
    """A picture of one object of any shape, mostly with one idea beside it, as adapters bring."""
    picture = random_single(rng, SHAPES)
    looks = (*TEXTURES[1:], *STYLES[1:], *SCENES[1:])
    return picture.having(rng.choice(looks)) if rng.random() < 0.7 else picture


def _blemish(images: Tensor, rng: Random) -> Tensor:
    """Images shifted, blurred, relit and noised a little, as a diffusion model's may be."""
    dx, dy = rng.randint(-4, 4), rng.randint(-4, 4)
    images = torch.roll(images, (dy, dx), (2, 3))
    if rng.random() < 0.4:
        small = nn.functional.avg_pool2d(images, 2)
        images = nn.functional.interpolate(small, scale_factor=2, mode="bilinear")
    gain = 1 + 0.12 * (torch.rand(len(images), 1, 1, 1) - 0.5)
    shift = 0.06 * (torch.rand(len(images), 1, 1, 1) - 0.5)
    noise = torch.randn_like(images) * 0.04 * rng.random()
    return (images * gain + shift + noise).clamp(0, 1)


class Gallery:
    """Drawings with labels, a third of them copied through the autoencoder."""

    def __init__(self, vae: Any, seed: int) -> None:
        self.vae, self.seed, self.rng, self.drawn = vae, seed, seeded(seed), 0
        self.images: list[Tensor] = []
        self.labels: list[Tensor] = []

    def add(self, count: int) -> None:
        """Draw `count` more pictures."""
        makers = (random_simple, random_sight)
        pictures = [self.rng.choice(makers)(self.rng) for _ in range(count)]
        images = draw(pictures, self.seed + self.drawn)
        copied = count // 3
        latents = autoencoder.encode(self.vae, images[:copied])
        latents = latents + torch.randn_like(latents) * 0.05
        images[:copied] = autoencoder.decode(self.vae, latents)
        self.images += list((images * 255).round().byte())
        self.labels += list(_labels(pictures))
        self.drawn += count

    def sample(self) -> tuple[Tensor, Tensor]:
        """A batch of images in 0..1 and their labels."""
        chosen = [self.rng.randrange(len(self.images)) for _ in range(BATCH)]
        images = torch.stack([self.images[i] for i in chosen]).float() / 255
        return _blemish(images, self.rng), torch.stack([self.labels[i] for i in chosen])


def train(vae_folder: Path, out: Path, minutes: float, seed: int = 9) -> None:
    """Train the instrument for the minutes of processor time, and write it to `out`.

    Training goes on from what is in `out`; the file is in half precision.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    gallery = Gallery(AutoencoderTiny.from_pretrained(str(vae_folder)).eval(), seed)
    gallery.add(1500)
    judge = (load(out) if out.exists() else Judge()).train()
    judge.features.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(judge.parameters(), lr=3e-3, weight_decay=1e-3)
    begun, step = time.process_time(), 0
    while (done := (time.process_time() - begun) / (minutes * 60)) < 1:
        if done < 0.75:
            gallery.add(9)
        for group in optimizer.param_groups:
            cosine = 0.5 * (1 + math.cos(math.pi * done)) + 0.005
            group["lr"] = 2e-3 * min(1, (step + 1) / 100) * cosine
        images, labels = gallery.sample()
        with torch.autocast("cpu", torch.bfloat16):
            logits = judge(images.contiguous(memory_format=torch.channels_last))
        losses = [
            nn.functional.cross_entropy(logits[q].float(), labels[:, i], ignore_index=UNREADABLE)
            for i, q in enumerate(ANSWERS)
        ]
        loss = torch.stack(losses).nan_to_num().sum()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        step += 1
        if step % 100 == 0:
            print(f"{step} loss {float(loss.detach()):.3f} drawn {gallery.drawn}", flush=True)
    half = {k: v.half() if v.is_floating_point() else v for k, v in judge.state_dict().items()}
    save_file({k: v.contiguous() for k, v in half.items()}, str(out))


def accuracy(judge: Judge, pictures: Sequence[Picture], seed: int) -> dict[str, float]:
    """Share of right answers on fresh drawings, by question, over what can be seen."""
    answers = judge.read(draw(pictures, SEEDS_APART + seed))
    shares: dict[str, float] = {}
    for question in ANSWERS:
        pairs = [(facts(p)[question], a[question]) for p, a in zip(pictures, answers, strict=True)]
        seen = [truth == said for truth, said in pairs if truth is not None]
        shares[question] = sum(seen) / max(1, len(seen))
    return shares


def idea_accuracy(judge: Judge, idea: str, count: int = 100) -> float:
    """Share of fresh drawings with the idea in which the instrument finds it."""
    rng = seeded(idea)
    pictures = [random_single(rng).having(idea) for _ in range(count)]
    return accuracy(judge, pictures, 1)[kind_of(idea)]
