"""Prose: openly licensed text to read on, and cases of keywords that a sentence of it answers."""

from __future__ import annotations

import json
import lzma
import random
import re
from dataclasses import replace
from pathlib import Path

from ragopt_tui.chat.builtin_prompt import LONGEST_WORDS, ending
from recipes.builtin_model.lines import Case, Line

CHARACTERS = {"beige": 12, "fed": 9, "ms": 8, "gsa": 7, "cfpb": 3, "book": 4}
"""Millions of characters used of each source."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“])")
_COMMON = frozenset(
    "about after also been being before between both could during even from have having however "
    "into more most much must only other over same should since some such than that their them "
    "then there these they this those through under upon very well were what when where which "
    "while will with would your".split()
)
_ASKED = [
    "{}", "{}", "what about {}?", "What is said of {}?", "{}?", "anything on {}", "How does it go with {}?",
    "What happened to {}?", "tell me about {}",
]  # fmt: skip


def chosen_prose(source: Path) -> list[str]:
    """Give the texts used, shuffled, from a `.jsonl.xz` of {"s": source, "t": text} lines."""
    left = {name: millions * 1_000_000 for name, millions in CHARACTERS.items()}
    with lzma.open(source, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line) for line in lines]
    random.Random(3).shuffle(texts)
    chosen = []
    for text in texts:
        if left.get(text["s"], 0) > 0 and len(text["t"]) > 200:
            left[text["s"]] -= len(text["t"])
            chosen.append(text["t"])
    return chosen


def prose_case(texts: list[str], rng: random.Random) -> Case | None:
    """Give a case of a few words taken from one sentence; None where a text has too few."""
    sentences: list[Line] = []
    for passage in range(rng.randint(2, 4)):
        text = rng.choice(texts)
        at = rng.randrange(max(1, len(text) - 2_500))
        parts = [" ".join(s.split()) for s in _SENTENCE.split(text[at : at + 2_500])[1:-1]]
        for before, said in zip(["", *parts], parts, strict=False):
            if 40 < len(said) <= LONGEST_WORDS and len(sentences) < 14:
                about = ending(before, 120) if rng.random() < 0.7 else ""
                sentences.append(Line(passage, about, said, ""))
    if len(sentences) < 5:
        return None
    right = rng.randrange(len(sentences))
    words = [
        w
        for w in re.findall(r"[A-Za-z][\w-]{3,}", sentences[right].words)
        if w.lower() not in _COMMON
    ]
    if len(words) < 4:
        return None
    picked = rng.sample(words, min(len(words), rng.randint(2, 5)))
    question = rng.choice(_ASKED).format(" ".join(_bent(word, rng) for word in picked).lower())
    gold = sentences[right]
    sentences[right] = replace(gold, statement=gold.words)
    return Case("prose", question, tuple(sentences))


def _bent(word: str, rng: random.Random) -> str:
    """Give a word now and then with another ending."""
    if rng.random() < 0.3:
        return re.sub(r"(?:ing|ed|es|s|ly|ment|ion)$", "", word) + rng.choice(
            ["", "s", "ed", "ing"]
        )
    return word
