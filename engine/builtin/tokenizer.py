"""A small CLIP tokenizer: whole words for what captions say, bytes for everything else."""

import json
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from engine.builtin.captions import vocabulary
from engine.builtin.vendor import CLIPTokenizer

LENGTH = 40
"""Tokens that the text encoder reads, start and end included."""
START, END = "<|startoftext|>", "<|endoftext|>"
SPLIT = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def _merges(words: list[str]) -> list[str]:
    """Byte pair merges that make one token of each word."""
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=END))
    bpe.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=4000,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
    )
    bpe.train_from_iterator((word for word in words for _ in range(9)), trainer)
    merges = json.loads(bpe.to_str())["model"]["merges"]
    return [pair if isinstance(pair, str) else " ".join(pair) for pair in merges]


def build(folder: Path) -> Any:
    """Write the tokenizer's files into the folder and return it loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    merges = _merges(vocabulary())
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *(letter + "</w>" for letter in letters)]
    tokens += [pair.replace(" ", "") for pair in merges] + [START, END]
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", "utf-8")
    settings = {
        "model_max_length": LENGTH,
        "bos_token": START,
        "eos_token": END,
        "unk_token": END,
        "pad_token": END,
        "tokenizer_class": "CLIPTokenizer",
        "do_lower_case": True,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1), "utf-8")
    return CLIPTokenizer.from_pretrained(str(folder))
