"""Passages from a document: by its structure, sized by the embedder's tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ragopt_tui.knowledge.document import Document
from ragopt_tui.knowledge.packing import Cut, Sizer, cuts_of
from ragopt_tui.knowledge.passage import Passage, Profile
from ragopt_tui.knowledge.sections import runs_of

SPLITTER_VERSION = "3"
"""Changes whenever the passages of an unchanged document would."""


_NEARLY_FULL = 0.9
_TRIES = 5


def split(
    document: Document,
    profile: Profile,
    count_tokens: Callable[[Sequence[str]], list[int]],
    limit: int,
) -> list[Passage]:
    """Give the passages of a document, in order and apart from each other.

    `limit` is how many tokens `indexed_text` may have by `count_tokens`. It holds unless header,
    heading path and lead alone take more than three quarters of it. Headings and lines that only
    draw may stand in no passage; everything else stands in exactly one.
    """
    runs = runs_of(document, profile)
    sizer = Sizer(count_tokens, limit)
    sizer.measure(
        [document.text[atom.start : atom.end] for run in runs for atom in run.atoms]
        + [_before(profile, run.headings) for run in runs]
    )
    passages: list[Passage] = []
    for run in runs:
        room = sizer.room(sizer.cost(_before(profile, run.headings)))
        for _ in range(_TRIES):
            cuts = cuts_of(document.text, run, sizer, room)
            pieces = [
                _passage(document, profile, cut, len(passages) + number)
                for number, cut in enumerate(cuts)
            ]
            near = [
                piece
                for piece, cut in zip(pieces, cuts, strict=True)
                if cut.tokens > _NEARLY_FULL * room
            ]
            excess = sizer.excess([piece.indexed_text for piece in near])
            if excess <= 0 or room <= limit // 4:
                break
            room = max(room - excess, limit // 4, 1)
        passages.extend(pieces)
    return passages


def _before(profile: Profile, headings: Sequence[str]) -> str:
    return "\n".join(part for part in (profile.header, " › ".join(headings)) if part)


def _passage(document: Document, profile: Profile, cut: Cut, number: int) -> Passage:
    span = document.span(cut.start, cut.end)
    return Passage(
        id=f"{document.file}#{number}",
        file=document.file,
        page=span.page,
        line_start=span.line_start,
        line_end=span.line_end,
        char_start=cut.start,
        char_end=cut.end,
        kind=cut.kind,
        headings=cut.headings,
        lead=cut.lead,
        text=document.text[cut.start : cut.end],
        profile=profile,
    )
