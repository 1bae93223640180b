"""Filling passages: which pieces of a run stand together, within a number of tokens."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ragopt_tui.knowledge.passage import GROUP_MARK, searchable
from ragopt_tui.knowledge.sections import Atom, Run

PROSE_TARGET = 180
"""Tokens that a passage of several paragraphs is filled to; one paragraph may take all the room."""

_LONGEST_TOKEN = 32
"""Characters counted as a token at least: some tokenizers make one of a word of any length."""

_MOST_CARRIED = 3
_SMALL = 40
"""A paragraph of fewer tokens joins the passage before it where there is room."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A passage to be: a stretch of text, what stands before it, and about how many tokens both are."""

    start: int
    end: int
    kind: Literal["prose", "table"]
    headings: tuple[str, ...]
    lead: str
    tokens: int


class Sizer:
    """Token counts of pieces, counted in batches and remembered.

    A piece's count is without special tokens, but with what a blank line to the next one costs.
    """

    def __init__(self, count_tokens: Callable[[Sequence[str]], list[int]], limit: int) -> None:
        self._count_tokens = count_tokens
        self._special, word, words = count_tokens(["", "word", "word\n\nword"])
        self._joint = max(0, words + self._special - 2 * word)
        self._limit = limit
        self._costs: dict[str, int] = {"": 0}

    def measure(self, texts: Iterable[str]) -> None:
        """Count those of `texts` not counted before, in one batch."""
        found = (searchable(text) for text in texts)
        unknown = [text for text in dict.fromkeys(found) if text not in self._costs]
        if unknown:
            counts = self._count_tokens(unknown)
            self._costs.update(
                (text, max(count - self._special, len(text) // _LONGEST_TOKEN) + self._joint)
                for text, count in zip(unknown, counts, strict=True)
            )

    def cost(self, text: str) -> int:
        """Give the tokens of one text, as it is indexed."""
        self.measure([text])
        return self._costs[searchable(text)]

    def room(self, fixed: int) -> int:
        """Give the tokens left for lead and text behind `fixed` ones, at least a quarter of all."""
        return max(self._limit - self._special - fixed, self._limit // 4, 1)

    def excess(self, texts: Sequence[str]) -> int:
        """Give by how many tokens the longest of the texts is over the limit; 0 for none.

        Joined pieces may have more tokens than the pieces by some tokenizers.
        """
        longest = max(self._count_tokens(texts), default=0) if texts else 0
        return max(0, longest - self._limit)


def cuts_of(text: str, run: Run, sizer: Sizer, room: int) -> list[Cut]:
    """Cut one run into passages of at most `room` tokens of lead and text."""
    if run.kind == "table":
        return _table_cuts(text, run, sizer, room)
    return _prose_cuts(text, run, sizer, room)


@dataclass(frozen=True, slots=True)
class _Sized:
    atom: Atom
    tokens: int


def _prose_cuts(text: str, run: Run, sizer: Sizer, room: int) -> list[Cut]:
    """Pack paragraphs; a passage that begins within someone's speech has the name in its lead."""
    names = {atom.speaker for atom in run.atoms if sizer.cost(atom.speaker) <= room // 4}
    room -= max(map(sizer.cost, names), default=0)

    def cut(atoms: Sequence[_Sized]) -> Cut:
        name = atoms[0].atom.speaker
        return _cut(run, atoms, name if name in names else "", sizer)

    cuts: list[Cut] = []
    current: list[_Sized] = []
    for unit in _units(_sized(text, run.atoms, sizer, room)):
        size, held = _total(unit), _total(current)
        joins = held + size <= min(PROSE_TARGET, room) or (size < _SMALL and held + size <= room)
        if current and not joins:
            cuts.append(cut(current))
            current = []
        if size <= room:
            current.extend(unit)
        else:
            cuts.extend(map(cut, _pieces(unit, room, min(PROSE_TARGET, room))))
    if current:
        cuts.append(cut(current))
    return cuts


def _units(atoms: Sequence[_Sized]) -> Iterator[list[_Sized]]:
    """Give the paragraphs, with those that introduce the next one kept with it."""
    unit: list[_Sized] = []
    for sized in atoms:
        if unit and sized.atom.opens and not unit[-1].atom.clings:
            yield unit
            unit = []
        unit.append(sized)
    if unit:
        yield unit


def _table_cuts(text: str, run: Run, sizer: Sizer, room: int) -> list[Cut]:
    """Cut a table; a piece that begins within a group of rows has its name in the lead."""
    groups = {atom.group: sizer.cost(_group_line(atom.group)) for atom in run.atoms}
    groups = {name: cost for name, cost in groups.items() if cost <= room // 4}

    def cut(lead: str, atoms: Sequence[_Sized]) -> Cut:
        group = _group_line(name) if (name := atoms[0].atom.group) in groups else ""
        return _cut(run, atoms, "\n".join(part for part in (lead, group) if part), sizer)

    outside = _fitting(run.outside, sizer, room // 2)
    whole = _sized(text, run.atoms, sizer, room)
    if cut(outside, whole).tokens <= room:
        return [cut(outside, whole)]
    lead = _fitting("\n".join(part for part in (run.caption, run.header) if part), sizer, room // 2)
    head_tokens = sizer.cost(outside) + sum(
        sizer.cost(text[atom.start : atom.end]) for atom in run.atoms[: run.head]
    )
    head = list(run.atoms[: run.head])
    cuts: list[Cut] = []
    if head and (head_tokens > room // 2 or run.head == len(run.atoms)):
        inner = room - sizer.cost(outside)
        cuts.extend(
            cut(outside, piece) for piece in _pieces(_sized(text, head, sizer, inner), inner, inner)
        )
        head, head_tokens = [], 0
    inner = room - max(sizer.cost(lead) + max(groups.values(), default=0), head_tokens)
    rows = _sized(text, run.atoms[run.head :], sizer, inner)
    for number, piece in enumerate(_pieces(rows, inner, inner)):
        if number == 0 and head:
            top = [_Sized(atom, sizer.cost(text[atom.start : atom.end])) for atom in head]
            cuts.append(cut(outside, [*top, *piece]))
        else:
            cuts.append(cut(lead, piece))
    return cuts


def _group_line(name: str) -> str:
    return f"{GROUP_MARK}{name}" if name else ""


def _fitting(lead: str, sizer: Sizer, most: int) -> str:
    """Give as many first words of `lead` as `most` tokens allow."""
    while lead and sizer.cost(lead) > most:
        keep = len(lead) * most // sizer.cost(lead)
        cut = max(lead.rfind(" ", 0, keep), lead.rfind("\n", 0, keep))
        lead = lead[: cut if cut > 0 else min(keep, len(lead) - 1)].rstrip()
    return lead


def _pieces(atoms: Sequence[_Sized], room: int, target: int) -> Iterator[list[_Sized]]:
    """Divide atoms into about equal pieces of at most `room` tokens, none ending in one that clings."""
    left = _total(atoms)
    piece: list[_Sized] = []
    for sized in atoms:
        held = _total(piece)
        goal = left / max(1, math.ceil(left / max(target, 1)))
        is_full = held + sized.tokens > room or held + sized.tokens / 2 > goal
        if piece and sized.tokens and is_full:
            carried = _carried(piece, room - sized.tokens)
            yield piece[: len(piece) - len(carried)]
            left -= held - _total(carried)
            piece = carried
        piece.append(sized)
    if piece:
        yield piece


def _carried(piece: list[_Sized], room: int) -> list[_Sized]:
    """The atoms at the end of a full piece that introduce the next one, if they fit there."""
    kept = len(piece)
    while kept > 1 and piece[kept - 1].atom.clings:
        kept -= 1
    carried = piece[kept:]
    return carried if len(carried) <= _MOST_CARRIED and _total(carried) <= room else []


def _sized(text: str, atoms: Sequence[Atom], sizer: Sizer, room: int) -> list[_Sized]:
    """Give the atoms with their tokens; those too long for the room in pieces."""
    sizer.measure(text[atom.start : atom.end] for atom in atoms)
    result: list[_Sized] = []
    for atom in atoms:
        tokens = sizer.cost(text[atom.start : atom.end])
        if tokens <= room or atom.end - atom.start <= 1:
            result.append(_Sized(atom, tokens))
        else:
            parts = _divided(text, atom, math.ceil(1.2 * tokens / room))
            result.extend(_sized(text, parts, sizer, room))
    return result


def _divided(text: str, atom: Atom, count: int) -> list[Atom]:
    """Divide an atom into about `count` (2 at least) pieces, between words where there are any."""
    step = max(1, (atom.end - atom.start) // max(2, count))
    parts: list[Atom] = []
    start = atom.start
    while start < atom.end:
        end = min(start + step, atom.end)
        if end < atom.end:
            end = _word_end(text, start, end)
        piece = text[start:end]
        if piece.strip():
            left = start + len(piece) - len(piece.lstrip())
            parts.append(
                dataclasses.replace(
                    atom,
                    start=left,
                    end=start + len(piece.rstrip()),
                    opens=atom.opens and not parts,
                    clings=False,
                )
            )
        start = end
    return parts


def _word_end(text: str, start: int, end: int) -> int:
    """Move a cut back to the last white space before it, if there is one."""
    for at in range(end, start, -1):
        if text[at].isspace():
            return at
    return end


def _total(atoms: Sequence[_Sized]) -> int:
    return sum(sized.tokens for sized in atoms)


def _cut(run: Run, atoms: Sequence[_Sized], lead: str, sizer: Sizer) -> Cut:
    tokens = sizer.cost(lead) + _total(atoms)
    return Cut(atoms[0].atom.start, atoms[-1].atom.end, run.kind, run.headings, lead, tokens)
