"""A passage: the piece of a document that is indexed, retrieved and cited."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal

# Rule rows, underlines and fences, and the dots that lead to a page number: each mark is a token.
_DRAWN_LINE = re.compile(r"[\s\-=_+|:*~`─━═]{3,}")
_LEADER_MARKS = ("...", ". .", "…", "__")
_LEADER = re.compile(r"(?:[ \t]?[.…_]){4,}")

GROUP_MARK = "› "
"""What the line of a lead begins with that names the group of rows which a piece begins within."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a document is about, as far as it says so; empty strings where it does not."""

    title: str = ""
    company: str = ""
    period: str = ""
    form: str = ""

    @property
    def header(self) -> str:
        """One line that is put before a passage for search: title, company, period, form."""
        parts: list[str] = []
        for part in (self.title, self.company, self.period, self.form):
            if part and not any(part.lower() in seen.lower() for seen in parts):
                parts.append(part)
        return " · ".join(parts)


def searchable(text: str) -> str:
    """Give `text` without what only draws: rule rows, underlines, leader dots."""
    lines = [line for line in text.split("\n") if not _DRAWN_LINE.fullmatch(line)]
    kept = "\n".join(lines)
    return _LEADER.sub(" ", kept) if any(mark in kept for mark in _LEADER_MARKS) else kept


@dataclass(frozen=True, slots=True)
class Passage:
    """`text` is exactly `document.text[char_start:char_end]`; `lead` is what must be read before it.

    `file` is relative to the documents folder, with forward slashes. `page` is 1-based or None.
    `headings` is the heading path, outermost first. `lead` repeats a table's caption (title,
    period, unit), header row and, behind GROUP_MARK, the row that names the group of its first
    rows ("Current assets:") where the passage does not hold them; it is empty otherwise.
    """

    id: str
    file: str
    page: int | None
    line_start: int
    line_end: int
    char_start: int
    char_end: int
    kind: Literal["prose", "table"]
    headings: tuple[str, ...]
    lead: str
    text: str
    profile: Profile

    @property
    def indexed_text(self) -> str:
        """What is embedded and full-text indexed: header, heading path, lead, text without rules."""
        path = " › ".join(self.headings)
        parts = (self.profile.header, path, self.lead, self.text)
        return searchable("\n".join(part for part in parts if part))

    def to_json(self) -> dict[str, Any]:
        """Give the passage as JSON-ready values; `from_json` reverses it."""
        return asdict(self) | {"headings": list(self.headings)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Passage:
        """Rebuild a passage from `to_json`'s values."""
        return cls(
            **(
                values
                | {
                    "headings": tuple(values["headings"]),
                    "profile": Profile(**values["profile"]),
                }
            )
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage and its score; scores are comparable within one search only.

    `also_in` names the other files that say nearly the same about the same company and period.
    """

    passage: Passage
    score: float
    also_in: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give the passage's values with score and files; `from_json` reverses it."""
        return self.passage.to_json() | {"score": self.score, "also_in": list(self.also_in)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Hit:
        """Rebuild a hit from `to_json`'s values, also those from before there was `also_in`."""
        passage = {k: v for k, v in values.items() if k not in ("score", "also_in")}
        return cls(Passage.from_json(passage), values["score"], tuple(values.get("also_in", ())))
