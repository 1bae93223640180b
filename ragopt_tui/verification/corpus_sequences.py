"""Token sequences whose predictions are compared: templated text, long ones among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from ragopt_tui.verification.sides import Side, SideFacts, single_bos

FEWEST_POSITIONS = 2200
"""How many positions are compared at least, where the texts have that many."""

_SHORT = 384
_LONG = 2048
_LONGEST = 16384
_BEYOND = 256
_OPERATIONS = 4e13
"""Products on one side that a long sequence may cost: minutes on a processor."""


@dataclass(frozen=True, slots=True)
class Sequences:
    """Sequences of token ids, the longest first; `left_out` says which positions they do not reach."""

    ids: tuple[tuple[int, ...], ...]
    left_out: str = ""


def sequences(side: Side, texts: Sequence[str], parameters: int) -> Sequences:
    """Make sequences with a side's chat template and tokens, from texts.

    One is as long as the context, or reaches beyond what would show in it: its far half, the
    sliding window, the context before rope scaling. It is shorter where the model's `parameters`
    would make it take too long. Raises SideFailed.
    """
    wanted = _wanted(side.facts)
    length = max(_SHORT, min(wanted, int(_OPERATIONS / (2 * max(parameters, 1)))))
    supply = cycle(texts)
    made = [_of_length(side, supply, min(length, wanted))]
    # Room for the token that is predicted behind the last one.
    short = min(_SHORT, side.facts.context_tokens)
    while sum(map(len, made)) < FEWEST_POSITIONS + len(made) or len(made) < 2:
        made.append(_of_length(side, supply, short))
    return Sequences(tuple(made), _left_out(side.facts, len(made[0])))


def _wanted(facts: SideFacts) -> int:
    wanted = min(facts.context_tokens, _LONG)
    if facts.window:
        wanted = max(wanted, facts.window + _BEYOND)
    if facts.original_context < facts.context_tokens:
        wanted = max(wanted, facts.original_context + _BEYOND)
    return min(wanted, facts.context_tokens, _LONGEST)


def _left_out(facts: SideFacts, reached: int) -> str:
    if facts.original_context < facts.context_tokens and reached <= facts.original_context:
        return (
            f"Positions beyond {reached:,} were not compared, so none in which rope scaling extends "
            f"the context ({facts.original_context:,} to {facts.context_tokens:,})."
        )
    if reached < facts.context_tokens:
        return f"Positions from {reached:,} to {facts.context_tokens:,} were not compared."
    return ""


def _of_length(side: Side, texts: Iterator[str], length: int) -> tuple[int, ...]:
    """Make a sequence of exactly that many tokens."""
    ids: tuple[int, ...] = ()
    turns: list[str] = []
    while len(ids) < length:
        missing = length - len(ids)
        # At four characters a token, a little is always still missing at first.
        while missing > 0:
            turns.append(next(texts))
            missing -= max(1, len(turns[-1]) // 4)
        ids = _templated(side, turns) if side.facts.template else _plain(side, turns)
    return ids[:length]


def _templated(side: Side, texts: Sequence[str]) -> tuple[int, ...]:
    turns = [
        {"role": "user" if n % 2 == 0 else "assistant", "content": text}
        for n, text in enumerate(texts)
    ]
    (rendered,) = side.render([turns], answer=False)
    return rendered.ids or _plain(side, texts)


def _plain(side: Side, texts: Sequence[str]) -> tuple[int, ...]:
    (ids,) = side.encode(["\n\n".join(texts)])
    return single_bos(ids, side.facts.bos, insert=side.facts.adds_bos is not False)
