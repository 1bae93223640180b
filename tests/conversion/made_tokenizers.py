"""Small tokenizers of the real kinds, trained here: SentencePiece BPE, and byte-level BPE."""

from __future__ import annotations

import ast
import hashlib
import json
import random
import shutil
from pathlib import Path

import sentencepiece
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from transformers import AutoTokenizer

VOCABULARY = 384
_WORDS = (
    "revenue profit rose fell year quarter million billion cash debt margin equity of the in was "
    "by and company group report dividend guidance segment"
).split()
_QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _lines() -> list[str]:
    pick = random.Random(1)
    return [
        f"{' '.join(pick.choices(_WORDS, k=8))} {pick.randint(1, 9999)}.{pick.randint(0, 9)}"
        for _ in range(300)
    ]


def sentencepiece_tokenizer(folder: Path, *, space_first: bool = True) -> None:
    """Write tokenizer.json and tokenizer.model, of Llama's kind or, without `space_first`, Gemma's."""
    file = folder / "tokenizer.model"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_lines()), model_prefix=str(file.with_suffix("")),
        vocab_size=VOCABULARY, model_type="bpe", byte_fallback=True,
        add_dummy_prefix=space_first, minloglevel=2,
    )  # fmt: skip
    file.with_suffix(".vocab").unlink()
    trained = sentencepiece.SentencePieceProcessor(model_file=str(file))
    vocabulary = {trained.id_to_piece(i): i for i in range(len(trained))}
    merges = [
        (piece[:at], piece[at:])
        for piece in vocabulary
        for at in range(1, len(piece))
        if piece[:at] in vocabulary and piece[at:] in vocabulary
    ]
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    first = [normalizers.Prepend("▁")] if space_first else []
    tokenizer.normalizer = normalizers.Sequence([*first, normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.add_special_tokens(
        [AddedToken(t, normalized=False) for t in ("<unk>", "<s>", "</s>")]
    )
    _write(tokenizer, folder, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def byte_level_tokenizer(folder: Path, kind: str) -> None:
    """Write a byte-level BPE tokenizer that splits text as those of `qwen2` or `falcon` do."""
    tokenizer = Tokenizer(models.BPE())
    if kind == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
        split = pre_tokenizers.Split(Regex(_QWEN), "isolated")
        bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_])
    else:
        parts = (
            pre_tokenizers.Punctuation("contiguous"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            pre_tokenizers.Digits(individual_digits=False),
            pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated"),
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(list(parts))
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_lines(), trainer)
    _write(tokenizer, folder, eos_token="<|endoftext|>")


def checkout_that_knows(converter: Path, model: Path, pre: str, target: Path) -> Path:
    """Make a llama.cpp checkout whose list of known tokenizers holds that of `model` too.

    llama.cpp's own `convert_hf_to_gguf_update.py` adds one in this way.
    """
    shutil.copytree(
        converter, target, ignore=shutil.ignore_patterns("__pycache__", "manifest.json")
    )
    file = target / "conversion" / "base.py"
    source = file.read_text(encoding="utf-8")
    sample = next(
        ast.literal_eval(node.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "chktxt"
    )
    ids = AutoTokenizer.from_pretrained(model).encode(sample)
    digest = hashlib.sha256(str(ids).encode()).hexdigest()
    known = f'        res = None\n        if chkhsh == "{digest}":\n            res = "{pre}"\n'
    file.write_text(source.replace("        res = None\n", known, 1), encoding="utf-8")
    return target


def _write(tokenizer: Tokenizer, folder: Path, **special: str) -> None:
    tokenizer.save(str(folder / "tokenizer.json"))
    values = {"tokenizer_class": "PreTrainedTokenizerFast", **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(values))
