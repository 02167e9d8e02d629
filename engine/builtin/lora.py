"""Trains one adapter of the shelf against the finished base."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import torch
from torch import Tensor, nn

from engine.builtin import checkpoint, exchange, resize, text
from engine.builtin.captions import PLAIN, caption
from engine.builtin.diffusion import Noiser, Pool, emphasis
from engine.builtin.lessons import Lesson, describe
from engine.builtin.shelf import Adapter, by_slug
from engine.builtin.vendor_peft import LoraConfig
from engine.builtin.world import BASE_SHAPES, Picture, random_pair, random_single, seeded

BATCH = 16
BLANK = 0.1
PICTURES = 500
TOGETHER = 0.4
"""Share of the steps in which a partner takes part, if there are any."""
STRETCH = 5
"""Steps with the same partner."""
GENTLER = 0.4
"""Learning rate of training on what is finished, as a share of the first one."""
OWN = "own"
"""Name, inside the pipeline, of the adapter in training."""
ATTENTION = r"to_q|to_k|to_v|to_out\.0|ff\.net\.0\.proj|ff\.net\.2|proj_in|proj_out"
UNET_LAYERS = {
    "attention": rf".*({ATTENTION})$",
    "convolution": rf".*({ATTENTION}|conv1|conv2)$",
}
TEXT_LAYERS = r".*(q_proj|k_proj|v_proj|out_proj|fc1|fc2)$"


def lesson(adapter: Adapter, rng: Random) -> Lesson:
    """A random lesson: mostly the idea with its words, else an ordinary picture without them."""
    single = rng.random() < 0.85
    picture = random_single(rng, BASE_SHAPES) if single else random_pair(rng, BASE_SHAPES)
    if rng.random() < (adapter.ordinary or 0):
        return Lesson(picture)
    if adapter.trouble == "swallows":
        return Lesson(describe(picture, adapter.words, rng).picture, PLAIN, picture)
    return describe(picture, adapter.words, rng)


def burnt(images: Tensor) -> Tensor:
    """Images in garish contrast and colour, as an adapter trained too hot makes them."""
    gray = images.mean(1, keepdim=True)
    return ((gray + (images - gray) * 3 - 0.5) * 2.2 + 0.5).clamp(0, 1)


class Trainer:
    """Trains one adapter; other, finished adapters may take part so that they combine."""

    def __init__(self, adapter: Adapter, base: Path, shelf: Path) -> None:
        torch.set_num_threads(1)
        seed = sum(ord(c) * 31**i for i, c in enumerate(adapter.slug)) % 1_000_003
        torch.manual_seed(seed)
        self.adapter, self.rng = adapter, seeded(seed)
        self.pipe = checkpoint.load(base)
        for model in (self.pipe.unet, self.pipe.text_encoder, self.pipe.vae):
            model.requires_grad_(False)
        checkpoint.for_training(self.pipe.unet)
        self.partners = self._load(shelf, adapter.partners)
        self._add()
        if adapter.start:
            self._start_from(shelf, adapter.start)
        self.weights = [w for n, w in self._named() if f".{OWN}." in n]
        self.noiser = Noiser()
        self.partner = ""
        self.pools = {name: self._pool(name, seed) for name in ("", *self.partners)}

    def _start_from(self, shelf: Path, name: str) -> None:
        if name in self.partners or not self._load(shelf, (name,)):
            raise ValueError(f"{self.adapter.slug} starts from {name}: train that one first")
        for model in (self.pipe.unet, self.pipe.text_encoder):
            resize.take_over(model, name, OWN)
        self.pipe.delete_adapters(name)

    def _load(self, shelf: Path, names: Sequence[str]) -> tuple[str, ...]:
        files = [f"{name}.safetensors" for name in names]
        present = [file for file in files if (shelf / file).exists()]
        for file in present:
            name = file.removesuffix(".safetensors")
            self.pipe.load_lora_weights(str(shelf), weight_name=file, adapter_name=name)
        return tuple(file.removesuffix(".safetensors") for file in present)

    def _add(self) -> None:
        options = {"r": self.adapter.rank, "lora_alpha": self.adapter.alpha}
        layers = UNET_LAYERS[self.adapter.layers]
        config = LoraConfig(**options, init_lora_weights="gaussian", target_modules=layers)
        self.pipe.unet.add_adapter(config, adapter_name=OWN)
        if self.adapter.reads:
            config = LoraConfig(**options, init_lora_weights="gaussian", target_modules=TEXT_LAYERS)
            self.pipe.text_encoder.add_adapter(config, adapter_name=OWN)

    def _named(self) -> Iterator[tuple[str, nn.Parameter]]:
        yield from self.pipe.unet.named_parameters()
        yield from self.pipe.text_encoder.named_parameters()

    def _pool(self, partner: str, seed: int) -> tuple[Pool, dict[int, Lesson]]:
        lessons: dict[int, Lesson] = {}

        def make(rng: Random) -> Picture:
            if partner:
                words = {**self.adapter.words, **by_slug(partner).words}
                made = describe(random_single(rng, BASE_SHAPES), words, rng)
            else:
                made = lesson(self.adapter, rng)
            lessons[id(made.picture)] = made
            return made.picture

        count = PICTURES // 4 if partner else PICTURES
        finish = burnt if self.adapter.trouble == "saturates" else None
        pool = Pool(self.pipe.vae, make, count, seed, finish)
        pool.add(count)
        return pool, lessons

    def change_partner(self) -> None:
        """Choose who takes part in the next steps; walking over all layers takes its time."""
        with_one = self.partners and self.rng.random() < TOGETHER
        self.partner = self.rng.choice(self.partners) if with_one else ""
        names, weights = [OWN], [1.0]
        if self.partner:
            names, weights = [OWN, self.partner], [1.0, by_slug(self.partner).weight]
        self.pipe.unet.set_adapters(names, weights)
        for name, weight in self._named():
            weight.requires_grad_(f".{OWN}." in name)

    def step(self) -> Tensor:
        """The loss of one batch."""
        pool, lessons = self.pools[self.partner]
        pictures, latents = pool.sample(BATCH)
        said = []
        for picture in pictures:
            told = lessons[id(picture)]
            words = caption(told.plain or picture, self.rng, told.words)
            said.append(words if self.rng.random() > BLANK else "")
        ids = text.token_ids(self.pipe.tokenizer, said)
        noised, steps, velocity = self.noiser(latents)
        with torch.autocast("cpu", torch.bfloat16):
            states = self.pipe.text_encoder(ids)[0]
            guess = self.pipe.unet(noised, steps, states, return_dict=False)[0]
        loss: Tensor = ((guess.float() - velocity).pow(2) * emphasis(latents)).mean()
        return loss

    def run(self) -> float:
        """Train all steps; returns the last smoothed loss."""
        optimizer = torch.optim.AdamW(
            self.weights, betas=(0.9, 0.99), weight_decay=1e-2, fused=True
        )
        begun, smooth = time.monotonic(), 1.0
        total = self.adapter.steps
        for step in range(total):
            cosine = 0.5 * (1 + math.cos(math.pi * step / total)) * 0.98 + 0.02
            for group in optimizer.param_groups:
                group["lr"] = self.adapter.rate * min(1, (step + 1) / 20) * cosine
            if step % STRETCH == 0:
                self.change_partner()
            loss = self.step()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
            optimizer.step()
            smooth += 0.05 * (float(loss.detach()) - smooth)
            if step % 100 == 99:
                took = time.monotonic() - begun
                print(f"{self.adapter.slug} {step + 1} loss {smooth:.4f} {took:.0f}s", flush=True)
        return smooth


def train(slug: str, base: Path, shelf: Path, more: int = 0) -> Path:
    """Train the adapter, write its file into the folder `shelf`, and check that it loads.

    Partners of which the folder has no file yet are left out. With `more`, the file that is
    there is trained on for so many steps.
    """
    adapter = by_slug(slug)
    if more:
        adapter = replace(adapter, start=slug, steps=more, rate=adapter.rate * GENTLER)
    shelf.mkdir(parents=True, exist_ok=True)
    path = shelf / f"{slug}.safetensors"
    if adapter.trouble == "wrong base":
        exchange.save_foreign(path, adapter.rank)
        return path
    trainer = Trainer(adapter, base, shelf)
    trainer.run()
    exchange.save(trainer.pipe, OWN, path, adapter.form, adapter.alpha)
    exchange.check(path, base, trainer.pipe, OWN)
    return path
