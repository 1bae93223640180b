"""How a variant stands in a list: one line, and another where it cannot answer."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content

from ragopt_tui.models.standing import Standing
from ragopt_tui.plaintext import one_line
from ragopt_tui.ui.model_shelf import Entry, Shelf
from ragopt_tui.ui.variant_words import TOO_LARGE, amount, form, size
from ragopt_tui.ui.wording import MUTED, count, shorten
from ragopt_tui.verification.words import badge

_ROOM_FOR_PARAMETERS = 56
_LEAST_NAME = 12
_INDENT = 2
_BADGE = 6
_STYLES = {"verified": "$text-success", "degraded": "$text-warning", "broken": "$text-error"}


def variant_row(entry: Entry, shelf: Shelf, answering: str, width: int, filtered: bool) -> Content:
    """Draw a variant in `width` cells; by its lineage, or `filtered` with what it was made from."""
    record, variant = entry.record, entry.variant
    about = _about(entry, width)
    verified = badge(entry.standing)
    indent = "" if filtered else " " * (_INDENT * entry.depth)
    room = max(_LEAST_NAME, width - cell_len(about) - _BADGE - _INDENT - len(indent) - 2)
    name = Content.styled(shorten(variant.name, room), "bold" if variant.id == answering else "")
    if filtered and variant.parent:
        name = Content.assemble(name, (f"  of {shelf.name(variant.parent)}", MUTED))
    tags = one_line(" ".join(f"#{tag}" for tag in record.tags), 60)
    name = Content.assemble(name, (f"  {tags}" if tags else "", "$text-accent"))
    name = name.truncate(room, ellipsis=True)
    mark = "! " if variant.problem else "● " if variant.id == answering else "○ "
    taken = _INDENT + len(indent) + name.cell_length + cell_len(about) + _BADGE
    gap = " " * max(1, width - taken)
    style = MUTED if entry.fits else "$text-warning"
    line = Content.assemble(
        indent, (mark, "$text-accent"), name, gap, (about, style),
        (f"{verified:<{_BADGE}}", badge_style(entry.standing)),
    )  # fmt: skip
    if not variant.problem:
        return line
    reason = Content.styled(one_line(variant.problem, 400), "$text-warning")
    return Content("\n").join(
        [line, Content.assemble(f"{indent}  ", reason).truncate(width, ellipsis=True)]
    )


def badge_style(standing: Standing | None) -> str:
    """Give the colour of a verification, which says nothing that its mark does not."""
    return _STYLES.get(standing.verdict, MUTED) if standing and standing.holds else MUTED


def summary(shelf: Shelf) -> str:
    """Say how many variants there are and what their files take up together."""
    files = sum(entry.record.bytes for entry in shelf.entries)
    return f"{count(len(shelf.entries), 'variant')} · {size(files)} on disk"


def _about(entry: Entry, width: int) -> str:
    facts, record = entry.record.facts, entry.record
    parameters = amount(facts.parameters) if facts.parameters else ""
    parts = [f"{form(record):<9}"]
    if width >= _ROOM_FOR_PARAMETERS:
        parts.append(f"{parameters:>6}")
    parts.append(f"{size(record.bytes) if record.files else '':>7}")
    return " ".join(parts) + (f" {TOO_LARGE} " if not entry.fits else "   ")
