"""Joining a retrieved passage with its neighbours where it was cut out of a table or a paragraph.

A joined passage is still `document.text[char_start:char_end]`: what stands between two passages
is not indexed, so they are joined only where it can be nothing but one line break or one space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from ragopt_tui.knowledge.passage import Hit, Passage

if TYPE_CHECKING:
    from ragopt_tui.knowledge.index import Index

REACH = 2
"""How many passages on each side may be joined."""
LONGEST = 2_400
"""Characters that a joined passage may have."""
_WITHOUT_OWN_LINES = (".html", ".htm", ".eml")


def with_neighbours(hits: Sequence[Hit], index: Index) -> list[Hit]:
    """Give hits with what they were cut from; one that became part of an earlier one is left out."""
    near = {name for hit in hits for name in _near(hit.passage)}
    known = {hit.passage.id: hit.passage for hit in hits}
    known |= {p.id: p for p in index.passages_with(sorted(near - known.keys()))}
    joined: list[Hit] = []
    taken: set[str] = set()
    for hit in hits:
        if hit.passage.id not in taken:
            parts = _parts(hit.passage, known, taken)
            taken.update(part.id for part in parts)
            joined.append(replace(hit, passage=_whole(hit.passage, parts)))
    return joined


def place_of(passage: Passage, hits: Sequence[Hit]) -> int | None:
    """Give which of the hits is a passage or was joined from it; None where none is."""
    ids = [hit.passage.id for hit in hits]
    if passage.id in ids:
        return ids.index(passage.id)
    return next((at for at, hit in enumerate(hits) if _contains(hit.passage, passage)), None)


def gap_between(first: Passage, second: Passage) -> str | None:
    """Give what stands between two passages of one table or paragraph; None where they are not that.

    `second` is the next one in its file.
    """
    places = [(p.file, p.page, p.kind, p.headings) for p in (first, second)]
    if places[0] != places[1] or second.char_start - first.char_end != 1:
        return None
    if second.line_start > first.line_end:
        return "\n"
    texts = (first.text, second.text)
    is_plain = all(set(filter(str.isspace, text)) <= {" ", "\n"} for text in texts)
    has_own_lines = not first.file.lower().endswith(_WITHOUT_OWN_LINES)
    return " " if first.kind == "prose" and is_plain and has_own_lines else None


def _contains(whole: Passage, part: Passage) -> bool:
    inside = whole.char_start <= part.char_start and part.char_end <= whole.char_end
    return whole.file == part.file and inside


def _near(passage: Passage) -> list[str]:
    return [
        name for step in range(1, REACH + 1) for name in (_id(passage, step), _id(passage, -step))
    ]


def _id(passage: Passage, step: int) -> str:
    file, _, number = passage.id.rpartition("#")
    return f"{file}#{int(number) + step}"


def _parts(passage: Passage, known: Mapping[str, Passage], taken: set[str]) -> list[Passage]:
    """Give the passages to be joined, in order, taking the following and the preceding in turn."""
    parts = [passage]
    for _ in range(REACH):
        for step in (1, -1):
            edge = parts[-1] if step > 0 else parts[0]
            other = known.get(_id(edge, step))
            if other is None or other.id in taken:
                continue
            first, second = (edge, other) if step > 0 else (other, edge)
            length = max(p.char_end for p in (*parts, other)) - min(
                p.char_start for p in (*parts, other)
            )
            if length <= LONGEST and gap_between(first, second) is not None:
                parts = [*parts, other] if step > 0 else [other, *parts]
    return parts


def _whole(passage: Passage, parts: Sequence[Passage]) -> Passage:
    """Join consecutive passages as the one that was found."""
    if len(parts) == 1:
        return passage
    text = parts[0].text
    for first, second in pairwise(parts):
        text += f"{gap_between(first, second)}{second.text}"
    return replace(
        parts[0],
        id=passage.id,
        line_end=parts[-1].line_end,
        char_end=parts[-1].char_end,
        text=text,
    )
