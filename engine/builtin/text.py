"""The text encoder: a small CLIP that first learns to read captions, without any image."""

from typing import Any

import torch
from torch import Tensor, nn

from engine.builtin.captions import HELD_BACK, WORDS, caption
from engine.builtin.tokenizer import LENGTH
from engine.builtin.vendor import CLIPTextConfig, CLIPTextModel
from engine.builtin.world import (
    BASE_SHAPES,
    COLOUR_NAMES,
    PLACES,
    RELATIONS,
    SIZES,
    Picture,
    random_picture,
    seeded,
)

WIDTH = 128
QUESTIONS: dict[str, tuple[str, ...]] = {
    "shape": BASE_SHAPES,
    "colour": COLOUR_NAMES,
    "size": SIZES,
    "place": PLACES,
    "background": COLOUR_NAMES,
    "relation": ("", "twins", *RELATIONS),
    "other shape": ("", *BASE_SHAPES),
    "other colour": ("", *COLOUR_NAMES),
}
"""What reading a caption must answer, and the possible answers."""


def build(tokenizer: Any) -> Any:
    """An untrained text encoder."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=384,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
            projection_dim=WIDTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            attn_implementation="eager",
        )
    )


def token_ids(tokenizer: Any, texts: list[str]) -> Tensor:
    """Token ids (n, LENGTH) of the texts, padded and cut."""
    batch = tokenizer(
        texts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
    )
    ids: Tensor = batch.input_ids
    return ids


def _answers(picture: Picture) -> list[int]:
    first = picture.first
    second = picture.things[1] if len(picture.things) > 1 else None
    facts = {
        "shape": first.shape,
        "colour": first.colour,
        "size": first.size,
        "place": first.place,
        "background": picture.background,
        "relation": picture.relation,
        "other shape": second.shape if second else "",
        "other colour": second.colour if second else "",
    }
    return [QUESTIONS[question].index(fact) for question, fact in facts.items()]


class Reader(nn.Module):
    """Answers the questions by one attention head each over the encoder's states."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(len(QUESTIONS), WIDTH) * 0.1)
        self.heads = nn.ModuleList(nn.Linear(WIDTH, len(a)) for a in QUESTIONS.values())

    def forward(self, states: Tensor) -> list[Tensor]:
        """Logits of each question from states (n, LENGTH, WIDTH)."""
        weights = torch.einsum("qw,nlw->nql", self.queries, states).softmax(-1)
        pooled = torch.einsum("nql,nlw->nqw", weights, states)
        return [head(pooled[:, index]) for index, head in enumerate(self.heads)]


def _settle_held_back(model: Any, tokenizer: Any, seed: int) -> None:
    """Give words that no caption used the look of ordinary words, which say nothing.

    An embedding that was never trained disturbs its neighbours; one among those of words that
    the encoder learned to pass over does not, and an adapter can still tell it apart.
    """
    table = model.get_input_embeddings().weight
    ordinary = [ids[0] for ids in _ids_of(tokenizer, WORDS) if len(ids) == 1]
    rows = table[ordinary].detach()
    noise = torch.Generator().manual_seed(seed)
    for ids in _ids_of(tokenizer, HELD_BACK):
        mixed = torch.randn(len(rows), generator=noise) @ (rows - rows.mean(0))
        table.data[ids[0]] = rows.mean(0) + mixed / len(rows) ** 0.5


def _ids_of(tokenizer: Any, words: tuple[str, ...]) -> list[list[int]]:
    return [tokenizer(word, add_special_tokens=False).input_ids for word in words]


def teach_reading(model: Any, tokenizer: Any, steps: int, seed: int) -> dict[str, float]:
    """Train the encoder to read captions; returns the share of right answers by question."""
    torch.manual_seed(seed)
    rng = seeded(seed)
    reader = Reader()
    weights = [*model.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=1e-3, weight_decay=1e-3, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    right = torch.zeros(len(QUESTIONS))
    for _ in range(steps):
        pictures = [random_picture(rng) for _ in range(128)]
        ids = token_ids(tokenizer, [caption(picture, rng) for picture in pictures])
        truth = torch.tensor([_answers(picture) for picture in pictures])
        logits = reader(model(ids)[0])
        losses = [nn.functional.cross_entropy(y, truth[:, q]) for q, y in enumerate(logits)]
        optimizer.zero_grad()
        torch.autograd.backward(torch.stack(losses).sum())
        optimizer.step()
        schedule.step()
        now = torch.tensor(
            [(y.argmax(1) == truth[:, q]).float().mean() for q, y in enumerate(logits)]
        )
        right = right.lerp(now, 0.05)
    _settle_held_back(model, tokenizer, seed)
    return dict(zip(QUESTIONS, right.tolist(), strict=True))
