"""Tokenise pools into arrays that a GPU can gather batches from.

usage: python pack.py TARGET.npz POOLS.jsonl...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from ragopt_tui.knowledge.cross_encoder import LONGEST_CONTEXT, LONGEST_QUESTION, LONGEST_WORDS
from ragopt_tui.knowledge.embedder import builtin_folder

LIMITS = {"question": LONGEST_QUESTION, "words": LONGEST_WORDS, "context": LONGEST_CONTEXT}


def main(target: Path, files: list[Path]) -> None:
    """Write `target`: token ids of unique texts, and for each pool the numbers of its texts."""
    pools = [json.loads(line) for file in files for line in file.open(encoding="utf-8")]
    texts: dict[tuple[str, str], int] = {}

    def number(part: str, text: str) -> int:
        return texts.setdefault((part, text), len(texts))

    origins = sorted({pool["origin"] for pool in pools})
    rows = [
        (
            origins.index(pool["origin"]),
            number("question", pool["question"]),
            [(number("words", w), number("context", c)) for w, c in pool["units"]],
            pool["gold"],
        )
        for pool in pools
    ]
    width = max(len(units) for _, _, units, _ in rows)
    words = np.full((len(rows), width), -1, np.int32)
    context = np.full((len(rows), width), -1, np.int32)
    gold = np.zeros((len(rows), width), np.bool_)
    for n, (_, _, units, right) in enumerate(rows):
        words[n, : len(units)] = [w for w, _ in units]
        context[n, : len(units)] = [c for _, c in units]
        gold[n, right] = True
    tokenizer = Tokenizer.from_file(str(builtin_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encoded = tokenizer.encode_batch_fast([text for _, text in texts], add_special_tokens=False)
    ids = [e.ids[: LIMITS[part]] for e, (part, _) in zip(encoded, texts, strict=True)]
    np.savez_compressed(
        target,
        tokens=np.concatenate([np.array(i, np.uint16) for i in ids]),
        starts=np.cumsum([0, *map(len, ids)]).astype(np.int64),
        origins=np.array(origins),
        origin=np.array([r[0] for r in rows], np.int32),
        question=np.array([r[1] for r in rows], np.int32),
        words=words,
        context=context,
        gold=gold,
    )
    print(f"{len(rows)} pools, {len(ids)} texts, {sum(map(len, ids))} tokens", origins)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
