"""Trains one adapter of the shelf against the finished base."""

import math
import re
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from engine.builtin import checkpoint, exchange, text
from engine.builtin.captions import PLAIN, caption
from engine.builtin.diffusion import Noiser, Pool, emphasis
from engine.builtin.lessons import Lesson, describe
from engine.builtin.merged import Merged
from engine.builtin.shelf import Adapter, by_slug
from engine.builtin.world import BASE_SHAPES, Picture, random_pair, random_single, seeded

BATCH = 16
BLANK = 0.1
PICTURES = 500
"""Pictures that each worker draws."""
STRETCH = 5
"""Steps with the same partner."""
GENTLER = 0.4
"""Learning rate of training on what is finished, as a share of the first one."""
ATTENTION = r"to_q|to_k|to_v|to_out\.0|ff\.net\.0\.proj|ff\.net\.2|proj_in|proj_out"
UNET_LAYERS = {
    "attention": rf"unet\..*({ATTENTION})$",
    "convolution": rf"unet\..*({ATTENTION}|conv1|conv2)$",
}
TEXT_LAYERS = r"text_encoder\..*(q_proj|k_proj|v_proj|out_proj|fc1|fc2)$"


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
    """One of `workers` equal processes that share a batch and average their gradients."""

    def __init__(
        self, adapter: Adapter, base: Path, shelf: Path, rank: int = 0, workers: int = 1
    ) -> None:
        torch.set_num_threads(1)
        seed = sum(ord(c) * 31**i for i, c in enumerate(adapter.slug)) % 1_000_003
        torch.manual_seed(seed)
        self.adapter, self.rank, self.workers = adapter, rank, workers
        self.turns, self.rng = seeded(seed), seeded(seed + rank)
        names = [n for n in adapter.partners if (shelf / f"{n}.safetensors").exists()]
        self.partners = {n: exchange.read(shelf / f"{n}.safetensors", base) for n in names}
        self.pipe = checkpoint.load(base)
        self.pools = {name: self._pool(name, seed * workers + rank) for name in ("", *names)}
        self.merged = self._merge()
        if adapter.start:
            path = shelf / f"{adapter.start}.safetensors"
            if not path.exists():
                raise ValueError(f"{adapter.slug} starts from {adapter.start}: train that first")
            self.merged.start_from(exchange.read(path, base))
        torch.manual_seed(seed * workers + rank)
        self.noiser = Noiser()
        self.partner = ""

    def _merge(self) -> Merged:
        layers: dict[str, Any] = {}
        for part in ("unet", "text_encoder"):
            model = getattr(self.pipe, part).requires_grad_(False)
            for path, module in model.named_modules():
                if isinstance(module, nn.Linear | nn.Conv2d):
                    layers[f"{part}.{path}"] = module
        checkpoint.for_training(self.pipe.unet)
        wanted = [UNET_LAYERS[self.adapter.layers], *([TEXT_LAYERS] if self.adapter.reads else [])]
        own = {path for path in layers if any(re.fullmatch(w, path) for w in wanted)}
        return Merged(layers, own, self.adapter.rank, self.adapter.alpha / self.adapter.rank)

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
        """Choose who takes part in the next steps, the same one for all workers."""
        with_one = self.partners and self.turns.random() < self.adapter.together
        self.partner = self.turns.choice(list(self.partners)) if with_one else ""
        weight = by_slug(self.partner).weight if self.partner else 0.0
        self.merged.accompany(self.partners.get(self.partner, {}), weight)

    def step(self) -> Tensor:
        """The loss of this worker's part of a batch."""
        pool, lessons = self.pools[self.partner]
        pictures, latents = pool.sample(BATCH // self.workers)
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

    def learn(self) -> float:
        """Leave in the factors the gradients of one batch, averaged over the workers."""
        self.merged.merge()
        loss = self.step()
        torch.autograd.backward(loss)
        self.merged.project()
        if self.workers > 1:
            for gradient in self.merged.gradients:
                dist.all_reduce(gradient)
                gradient /= self.workers
        return float(loss.detach())

    def run(self) -> float:
        """Train all steps; returns the last smoothed loss."""
        weights = [self.merged.downs, self.merged.ups]
        optimizer = torch.optim.AdamW(weights, betas=(0.9, 0.99), weight_decay=1e-2, fused=True)
        begun, smooth = time.monotonic(), 1.0
        total = self.adapter.steps
        for step in range(total):
            cosine = 0.5 * (1 + math.cos(math.pi * step / total)) * 0.98 + 0.02
            for group in optimizer.param_groups:
                group["lr"] = self.adapter.rate * min(1, (step + 1) / 20) * cosine
            if step % STRETCH == 0:
                self.change_partner()
            smooth += 0.05 * (self.learn() - smooth)
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            if self.rank == 0 and step % 100 == 99:
                took = time.monotonic() - begun
                print(f"{self.adapter.slug} {step + 1} loss {smooth:.4f} {took:.0f}s", flush=True)
        return smooth


def _work(
    rank: int, meeting: str, workers: int, adapter: Adapter, base: Path, shelf: Path, path: Path
) -> None:
    if workers > 1:
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=workers)
    trainer = Trainer(adapter, base, shelf, rank, workers)
    trainer.run()
    if rank == 0:
        exchange.save(trainer.merged.factors(), path, adapter.form, adapter.alpha)
        exchange.check(path, base, trainer.merged.changes())
    if workers > 1:
        dist.destroy_process_group()


def train(slug: str, base: Path, shelf: Path, more: int = 0, workers: int = 2) -> Path:
    """Train the adapter, write its file into the folder `shelf`, and check that it loads.

    Partners of which the folder has no file yet are left out. With `more`, the file that is
    there is trained on for so many steps. The same count of workers gives the same file again.
    """
    adapter = by_slug(slug)
    if more:
        adapter = replace(adapter, start=slug, steps=more, rate=adapter.rate * GENTLER)
    shelf.mkdir(parents=True, exist_ok=True)
    path = shelf / f"{slug}.safetensors"
    if adapter.trouble == "wrong base":
        exchange.save_foreign(path, adapter.rank)
        return path
    with TemporaryDirectory() as folder:
        args = (f"file://{folder}/meeting", workers, adapter, base, shelf, path)
        if workers == 1:
            _work(0, *args)
        else:
            spawn(  # type: ignore[no-untyped-call]
                _work, args, nprocs=workers
            )
    return path
