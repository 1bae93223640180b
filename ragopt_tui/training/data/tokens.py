"""Tokens of a text in pieces, and which carry loss, whatever the tokenizer joins across pieces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

from ragopt_tui.chat.backends.local import common_prefix

Parts = Sequence[tuple[str, bool]]
Tokens = tuple[list[int], list[bool]]


def encoded(tokenizer: Any, text: str) -> list[int]:  # noqa: ANN401 - each has its own class
    """Give the tokens of a rendered text with at most one beginning-of-sequence.

    As the chat encodes its prompts: control tokens stand in the text, none are added.
    """
    ids = list(tokenizer(text, add_special_tokens=False, verbose=False).input_ids)
    bos = tokenizer.bos_token_id
    while bos is not None and ids[:2] == [bos, bos]:
        ids.pop(0)
    return ids


def tokens_of(tokenizer: Any, parts: Parts) -> Tokens:  # noqa: ANN401
    """Give tokens, and for each whether it carries loss.

    What stands before an answer has exactly the tokens that the model sees when it is to write that
    answer: where the tokenizer would join across the border, the text is encoded in two. Where it
    cannot be (the second part alone would read otherwise), the token across carries loss, as does
    one that begins in an answer and ends behind it.
    """
    whole, befores = _with_befores(tokenizer, parts)
    broken = [
        at
        for at, before in enumerate(befores, start=1)
        if parts[at][1] and whole[: len(before)] != before
    ]
    if broken:
        edges = [0, *broken, len(parts)]
        stretches = [parts[a:b] for a, b in pairwise(edges)]
        ids, loss = _together([_marked(*_with_befores(tokenizer, s), s) for s in stretches])
        if _read(tokenizer, ids) == _read(tokenizer, whole):
            return ids, loss
    return _marked(whole, befores, parts)


def _with_befores(tokenizer: Any, parts: Parts) -> tuple[list[int], list[list[int]]]:  # noqa: ANN401
    """Encode the whole text, and what stands before each of its borders by itself."""
    *borders, text = accumulate(text for text, _ in parts)
    return encoded(tokenizer, text), [encoded(tokenizer, before) for before in borders]


def _marked(ids: list[int], befores: Sequence[list[int]], parts: Parts) -> Tokens:
    loss: list[bool] = []
    for before, (_, carries) in zip(befores, parts, strict=False):
        shared = common_prefix(ids, before)
        across = carries and shared < len(before)
        loss += [carries] * (min(shared + across, len(ids)) - len(loss))
    return ids, loss + [parts[-1][1]] * (len(ids) - len(loss))


def _together(stretches: Sequence[Tokens]) -> Tokens:
    return [i for ids, _ in stretches for i in ids], [x for _, loss in stretches for x in loss]


def _read(tokenizer: Any, ids: Sequence[int]) -> str:  # noqa: ANN401
    return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))
