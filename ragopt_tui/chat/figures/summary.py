"""What verification says of an answer's figures, in one line of parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from ragopt_tui.chat.answer import Answer, CheckedFigure, FigureStatus

SIGNS: dict[FigureStatus, str] = {
    "found": "✓",
    "computed": "≈",
    "found elsewhere": "?",
    "not found": "✗",
}
"""A sign for each status, so that it reads without colour."""
_MOST_NAMED = 3

Part = tuple[FigureStatus | Literal["uncited"], str]


def figure_parts(answer: Answer) -> list[Part]:
    """Give what is to be said under an answer, by status; nothing where it states no figure.

    Such as "✓ 2 figures found in cited passages" and "✗ 1 not found: 15.8 %".
    """
    return list(_parts(answer))


def _parts(answer: Answer) -> Iterator[Part]:
    by_status = {
        status: [figure for figure in answer.figures if figure.status == status] for status in SIGNS
    }
    if count := len(by_status["found"]):
        noun = "figure" if count == 1 else "figures"
        yield "found", f"{SIGNS['found']} {count} {noun} found in cited passages"
    if figures := by_status["computed"]:
        named = _named([figure.formula for figure in figures])
        yield "computed", f"{SIGNS['computed']} {len(figures)} computed: {named}"
    if figures := by_status["found elsewhere"]:
        named = _named([f"{figure.text} in {_places(figure)}" for figure in figures])
        yield "found elsewhere", f"{SIGNS['found elsewhere']} {len(figures)} elsewhere: {named}"
    if figures := by_status["not found"]:
        named = _named([figure.text for figure in figures])
        yield "not found", f"{SIGNS['not found']} {len(figures)} not found: {named}"
    if count := len(answer.uncited):
        noun = "sentence" if count == 1 else "sentences"
        yield "uncited", f"! {count} {noun} without a source"


def _named(texts: Sequence[str]) -> str:
    """Name the first few, each once."""
    named = list(dict.fromkeys(texts))
    more = ["…"] if len(named) > _MOST_NAMED else []
    return "; ".join([*named[:_MOST_NAMED], *more])


def _places(figure: CheckedFigure) -> str:
    return " ".join(f"[{n}]" for n in figure.found_in)
