"""Question files with gold answers: reading them and judging what was found and said.

A line: {"id", "question", "answer": [accepted strings], "gold": [{"file", "lines": [first, last]
or null, "page" or null, "contains": [strings]}], "kind"}; unanswerable ones have no answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.chat.answer import Answer
from ragopt_tui.knowledge.passage import Passage


@dataclass(frozen=True, slots=True)
class GoldPlace:
    """Where an answer stands: lines of a text file, a page of a PDF, or strings in any file."""

    file: str
    lines: tuple[int, int] | None
    page: int | None
    contains: tuple[str, ...]

    def in_passage(self, passage: Passage) -> bool:
        """Say whether a passage covers this place."""
        if passage.file != self.file:
            return False
        if self.lines is not None:
            return passage.line_start <= self.lines[1] and passage.line_end >= self.lines[0]
        if self.page is not None and passage.page != self.page:
            return False
        text = plain(f"{passage.lead}\n{passage.text}")
        return all(plain(part) in text for part in self.contains)


@dataclass(frozen=True, slots=True)
class GoldQuestion:
    """A question, what a right answer contains, and where that stands."""

    id: str
    question: str
    answers: tuple[str, ...]
    gold: tuple[GoldPlace, ...]
    kind: str

    @property
    def answerable(self) -> bool:
        """Whether the documents hold the answer."""
        return bool(self.gold)

    def holds_gold(self, passage: Passage) -> bool:
        """Say whether a passage covers any of the gold places."""
        return any(place.in_passage(passage) for place in self.gold)

    def is_right(self, text: str) -> bool:
        """Say whether a text contains an accepted answer, figures as whole figures."""
        said = plain(text)
        return any(
            re.search(rf"(?<![\d.,]){re.escape(plain(a))}(?![\d]|[.,]\d)", said)
            for a in self.answers
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an answer did: refused, right in what it says first, right with a right citation."""

    refused: bool
    right: bool
    right_and_cited: bool


def judge(question: GoldQuestion, answer: Answer) -> Verdict:
    """Judge the first sentence or row shown and its citations against the gold."""
    first = answer.text.split("\n\n")[0] if answer.variant == "quotes" else answer.text
    right = not answer.refused and question.is_right(first)
    numbers = {int(n) for n in re.findall(r"\[(\d+)\]", first)}
    cited = any(
        question.holds_gold(hit.passage) for n, hit in enumerate(answer.evidence, 1) if n in numbers
    )
    return Verdict(answer.refused, right, right and cited)


def load_questions(folder: Path) -> list[GoldQuestion]:
    """Read every question file of a folder."""
    lines = [
        json.loads(line)
        for file in sorted(folder.glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    return [_question(values) for values in lines]


def plain(text: str) -> str:
    """Fold white space, Markdown marks and typographic variants, so that strings compare."""
    text = re.sub(r"\\(?=[^\w\s])|[*_`]", "", text)
    text = text.replace("’", "'").replace("–", "-").replace("—", "-").replace("\u2212", "-")
    text = text.replace("\u00a0", " ").replace("|", " ")
    return re.sub(r"\s+", " ", text).strip().lower()


def share(flags: Sequence[bool]) -> str:
    """Give a share as `45/48 = 94 %`."""
    return f"{sum(flags)}/{len(flags)} = {100 * sum(flags) / max(1, len(flags)):.0f} %"


def _question(values: dict[str, Any]) -> GoldQuestion:
    return GoldQuestion(
        id=values["id"],
        question=values["question"],
        answers=tuple(values["answer"]),
        gold=tuple(
            GoldPlace(
                file=place["file"],
                lines=tuple(place["lines"]) if place.get("lines") else None,
                page=place.get("page"),
                contains=tuple(place.get("contains", ())),
            )
            for place in values["gold"]
        ),
        kind=values["kind"],
    )
