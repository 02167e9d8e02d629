"""Trains the base: reading first, then UNet and text encoder together on fresh pictures."""

import json
import math
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from engine.builtin import autoencoder, checkpoint, text, tokenizer
from engine.builtin.captions import caption
from engine.builtin.diffusion import Noiser, Pool, emphasis
from engine.builtin.vendor import AutoencoderTiny
from engine.builtin.world import random_picture, seeded

BATCH = 32
PEAK_RATE = 1.1e-3
TEXT_RATE = 0.3
"""The text encoder's learning rate, as a share of the UNet's."""
BLANK = 0.1
"""Share of captions left empty, for guidance."""
SNAPSHOT_SECONDS = 240.0


@dataclass
class Progress:
    """How far training has come; seconds are those of training itself, over all starts."""

    step: int = 0
    seconds: float = 0.0
    loss: float = 1.0


class Trainer:
    """One of `workers` equal processes that average their gradients."""

    def __init__(
        self,
        out: Path,
        minutes: float,
        rank: int,
        workers: int,
        start: Path | None = None,
        peak: float = PEAK_RATE,
    ) -> None:
        torch.set_num_threads(1)
        self.out, self.seconds, self.start, self.peak = out, minutes * 60, start, peak
        self.rank, self.workers = rank, workers
        torch.manual_seed(2)
        self.tokens = tokenizer.build(out / "tokenizer")
        self.encoder = text.build(self.tokens)
        self.unet = checkpoint.for_training(checkpoint.new_unet())
        self.unet.to(memory_format=torch.channels_last)
        self.unet_weights = list(self.unet.parameters())
        self.weights = [*self.unet_weights, *self.encoder.parameters()]
        groups = [
            {"params": self.unet_weights, "share": 1.0},
            {"params": list(self.encoder.parameters()), "share": TEXT_RATE},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.99), fused=True)
        self.vae = AutoencoderTiny.from_pretrained(str(out / "vae")).eval()
        self.progress = Progress()
        self.noiser = Noiser()
        self.average: list[Tensor] = []

    def prepare(self) -> None:
        """Resume where training was left, or take over a checkpoint, or begin with reading."""
        if (self.out / "state.json").exists():
            self._resume()
        elif self.start:
            self._take_over(self.start)
        else:
            self._read_first()
        if not self.average:
            self.average = [w.detach().clone() for w in self.weights]
        seed = 1000 * (self.progress.step + 1) + self.rank
        torch.manual_seed(seed)
        self.rng = seeded(seed)
        self.pool = Pool(self.vae, random_picture, 24_000, seed)
        for _ in range(15):
            self.pool.add(200)

    def _read_first(self) -> None:
        start = self.out / "reader.safetensors"
        if not start.exists():
            right = text.teach_reading(self.encoder, self.tokens, 1500, seed=3)
            print("reading", {k: round(v, 3) for k, v in right.items()}, flush=True)
            if self.rank == 0:
                save_file(self.encoder.state_dict(), str(start))
        else:
            self.encoder.load_state_dict(load_file(str(start)))

    def _take_over(self, folder: Path) -> None:
        pipe = checkpoint.load(folder)
        self.unet.load_state_dict(pipe.unet.state_dict())
        self.encoder.load_state_dict(pipe.text_encoder.state_dict())

    def _resume(self) -> None:
        self.progress = Progress(**json.loads((self.out / "state.json").read_text()))
        state = load_file(str(self.out / "state.safetensors"))
        self.average = [state[f"average.{i}"] for i in range(len(self.weights))]
        for index, weight in enumerate(self.weights):
            weight.data.copy_(state[f"weight.{index}"])
            self.optimizer.state[weight] = {
                "step": torch.tensor(float(self.progress.step)),
                "exp_avg": state[f"first.{index}"],
                "exp_avg_sq": state[f"second.{index}"],
            }

    def rate(self) -> float:
        """The learning rate now: a short warm-up, then a cosine over the time given."""
        done = min(1.0, self.progress.seconds / self.seconds)
        warm = min(1.0, (self.progress.step + 1) / 100)
        return self.peak * warm * (0.5 * (1 + math.cos(math.pi * done)) * 0.99 + 0.01)

    def step(self) -> None:
        """One step of all workers."""
        begun = time.monotonic()
        self.pool.add(4)
        pictures, latents = self.pool.sample(BATCH)
        said = [caption(p, self.rng) if self.rng.random() > BLANK else "" for p in pictures]
        ids = text.token_ids(self.tokens, said)
        noised, steps, velocity = self.noiser(latents)
        with torch.autocast("cpu", torch.bfloat16):
            states = self.encoder(ids)[0]
            guess = self.unet(noised, steps, states, return_dict=False)[0]
        loss = ((guess.float() - velocity).pow(2) * emphasis(latents)).mean()
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate() * group["share"]
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self._share(float(loss.detach()), begun)
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.progress.step += 1
        keep = min(0.9985, (1 + self.progress.step) / (10 + self.progress.step))
        torch._foreach_lerp_(self.average, [w.detach() for w in self.weights], 1 - keep)

    def _share(self, loss: float, begun: float) -> None:
        """Average gradients, loss and time over the workers, so that all stay the same."""
        grads = [w.grad for w in self.weights if w.grad is not None]
        facts = torch.tensor([loss, time.monotonic() - begun])
        if self.workers > 1:
            flat = torch.cat([*(g.reshape(-1) for g in grads), facts])
            dist.all_reduce(flat)
            flat /= self.workers
            facts, start = flat[-2:], 0
            for grad in grads:
                grad.copy_(flat[start : start + grad.numel()].view_as(grad))
                start += grad.numel()
        self.progress.loss += 0.02 * (float(facts[0]) - self.progress.loss)
        self.progress.seconds += float(facts[1])

    def run(self) -> None:
        """Train until the time is used up; the first worker saves on the way and at the end."""
        self.prepare()
        saved = self.progress.seconds
        while self.progress.seconds < self.seconds:
            self.step()
            p = self.progress
            if self.rank == 0 and p.step % 50 == 0:
                print(f"{p.step} {p.seconds:.0f}s loss {p.loss:.4f} {self.rate():.1e}", flush=True)
            if self.rank == 0 and p.seconds - saved > SNAPSHOT_SECONDS:
                self.save()
                saved = p.seconds
        if self.rank == 0:
            self.save()

    def save(self) -> None:
        """Write the state to resume from, and the averaged weights as a pipeline."""
        state: dict[str, Tensor] = {}
        for index, weight in enumerate(self.weights):
            moments = self.optimizer.state[weight]
            state[f"weight.{index}"] = weight.detach().contiguous()
            state[f"average.{index}"] = self.average[index].contiguous()
            state[f"first.{index}"] = moments["exp_avg"].contiguous()
            state[f"second.{index}"] = moments["exp_avg_sq"].contiguous()
        save_file(state, str(self.out / "state.new"))
        (self.out / "state.json.new").write_text(json.dumps(asdict(self.progress)))
        (self.out / "state.new").replace(self.out / "state.safetensors")
        (self.out / "state.json.new").replace(self.out / "state.json")
        trained = [w.detach().clone() for w in self.weights]
        self._put(self.average)
        vae = AutoencoderTiny.from_pretrained(str(self.out / "vae"))
        folder = self.out / "checkpoint"
        checkpoint.save(folder, self.unet, self.encoder, self.tokens, vae)
        self._put(trained)

    def _put(self, values: list[Tensor]) -> None:
        for weight, value in zip(self.weights, values, strict=True):
            weight.data.copy_(value)


def _work(
    rank: int,
    out: Path,
    minutes: float,
    workers: int,
    start: Path | None,
    peak: float,
    port: int,
) -> None:
    if workers > 1:
        where = f"tcp://127.0.0.1:{port}"
        dist.init_process_group("gloo", init_method=where, rank=rank, world_size=workers)
    Trainer(out, minutes, rank, workers, start, peak).run()
    if workers > 1:
        dist.destroy_process_group()


def train(
    out: Path,
    minutes: float,
    workers: int,
    start: Path | None = None,
    peak: float = PEAK_RATE,
    port: int = 29519,
) -> None:
    """Train the base into `out/checkpoint`, resuming what lies there.

    With nothing there, training takes over the checkpoint in `start`, autoencoder included.
    `peak` is the highest learning rate; one that goes on from a trained base needs a lower one.
    """
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "vae").exists() and start:
        shutil.copytree(start / "vae", out / "vae")
    elif not (out / "vae").exists():
        autoencoder.build().save_pretrained(str(out / "vae"))
    args = (out, minutes, workers, start, peak, port)
    if workers == 1:
        _work(0, *args)
    else:
        spawn(  # type: ignore[no-untyped-call]
            _work, args, nprocs=workers
        )
