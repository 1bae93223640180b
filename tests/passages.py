"""Passages made by hand for tests."""

from __future__ import annotations

from typing import Literal

from ragopt_tui.knowledge.passage import Passage, Profile


def passage(
    text: str,
    *,
    file: str = "report.md",
    number: int = 0,
    kind: Literal["prose", "table"] = "prose",
    lead: str = "",
    headings: tuple[str, ...] = (),
    profile: Profile | None = None,
    line_start: int = 1,
) -> Passage:
    """Give a passage that begins at offset 0 of its file."""
    return Passage(
        id=f"{file}#{number}",
        file=file,
        page=None,
        line_start=line_start,
        line_end=line_start + text.count("\n"),
        char_start=0,
        char_end=len(text),
        kind=kind,
        headings=headings,
        lead=lead,
        text=text,
        profile=profile or Profile(),
    )
