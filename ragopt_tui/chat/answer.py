"""An answer and the evidence it carries."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.scope import Filter, OtherScope


@dataclass(frozen=True, slots=True)
class Citation:
    """`[n]` in an answer's text: the evidence passage `n` (from 1) and what of it is quoted.

    `quote` is exactly the document's text at `char_start:char_end`, which lies within passage `n`.
    """

    n: int
    file: str
    page: int | None
    line_start: int
    line_end: int
    char_start: int
    char_end: int
    quote: str


@dataclass(frozen=True, slots=True)
class SourceState:
    """A file of the evidence as the index read it: its size in bytes and the hash of its bytes.

    `modified_ns` is its time of change in ns since 1970; -1 where it changed while it was read.
    """

    file: str
    size: int
    modified_ns: int
    content_hash: str


FigureStatus = Literal["found", "found elsewhere", "computed", "not found"]


@dataclass(frozen=True, slots=True)
class CheckedFigure:
    """`Answer.text[start:end]` is a figure; `status` says whether the evidence holds it.

    `found`: in a passage that its sentence cites; `found elsewhere`: in another passage of the
    evidence; `computed`: follows from cited figures by `formula`, which is empty otherwise.
    `value` is in base units (millions and thousands multiplied out, basis points as percent), a
    string for a date and where a float would lose digits; `unit` is a currency code, "%", "x",
    "date", "year" or "" for a count. `found_in` numbers the evidence from 1.
    """

    text: str
    value: int | float | str
    unit: str
    status: FigureStatus
    found_in: tuple[int, ...]
    formula: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, by whom, from which evidence.

    `question` is as it was asked, `resolved_question` as it was read after those before it; empty
    becomes `question`.
    `text` is Markdown with citations written `[n]`; `n` counts `evidence` from 1. `dangling`
    holds the numbers in `text` that point at no passage. `unsupported` says in one sentence
    why a generated answer does not follow from what it cites; empty when it does. Then `quotes`
    holds the verbatim answer to show beside it. A refused answer has no citations; its evidence
    holds the closest passages. `seconds` is wall time from question to answer. `figures` are those
    of `text` in order, each looked up in the evidence; `uncited` are the spans (start, end) of the
    sentences of `text` that cite nothing. `sources` are the files of the evidence as the index had
    read them when it was asked; a file that was just being read may be missing. `filters` are the
    companies and periods read from the question; `other_scope` the citations that are about others.
    """

    question: str
    text: str
    refused: bool
    citations: tuple[Citation, ...]
    evidence: tuple[Hit, ...]
    variant: str
    index_version: str
    seconds: float = 0.0
    dangling: tuple[int, ...] = ()
    unsupported: str = ""
    quotes: Answer | None = None
    figures: tuple[CheckedFigure, ...] = ()
    uncited: tuple[tuple[int, int], ...] = ()
    sources: tuple[SourceState, ...] = ()
    resolved_question: str = ""
    filters: tuple[Filter, ...] = ()
    other_scope: tuple[OtherScope, ...] = ()

    def __post_init__(self) -> None:
        if not self.resolved_question:
            object.__setattr__(self, "resolved_question", self.question)

    def to_json(self) -> dict[str, Any]:
        """Give the answer as the stable JSON of `ragopt-tui ask --json`."""
        return {
            "question": self.question,
            "resolved_question": self.resolved_question,
            "answer": self.text,
            "refused": self.refused,
            "citations": [
                {
                    "n": c.n,
                    "file": c.file,
                    "page": c.page,
                    "line_start": c.line_start,
                    "line_end": c.line_end,
                    "char_start": c.char_start,
                    "char_end": c.char_end,
                    "quote": c.quote,
                }
                for c in self.citations
            ],
            "evidence": [hit.to_json() for hit in self.evidence],
            "variant": self.variant,
            "index_version": self.index_version,
            "seconds": self.seconds,
            "dangling": list(self.dangling),
            "unsupported": self.unsupported,
            "quotes": self.quotes.to_json() if self.quotes else None,
            "figures": [asdict(f) | {"found_in": list(f.found_in)} for f in self.figures],
            "uncited": [list(span) for span in self.uncited],
            "sources": [asdict(source) for source in self.sources],
            "filters": [each.to_json() for each in self.filters],
            "other_scope": [each.to_json() for each in self.other_scope],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Answer:
        """Rebuild an answer from `to_json`'s values."""
        return cls(
            question=values["question"],
            text=values["answer"],
            refused=values["refused"],
            citations=tuple(Citation(**c) for c in values["citations"]),
            evidence=tuple(Hit.from_json(e) for e in values["evidence"]),
            variant=values["variant"],
            index_version=values["index_version"],
            seconds=values["seconds"],
            dangling=tuple(values["dangling"]),
            unsupported=values["unsupported"],
            quotes=cls.from_json(values["quotes"]) if values["quotes"] else None,
            figures=tuple(_figure(f) for f in values["figures"]),
            uncited=tuple((start, end) for start, end in values["uncited"]),
            sources=tuple(SourceState(**source) for source in values["sources"]),
            resolved_question=values.get("resolved_question", ""),
            filters=tuple(Filter.from_json(each) for each in values.get("filters", ())),
            other_scope=tuple(OtherScope.from_json(each) for each in values.get("other_scope", ())),
        )

    def asked_as(self, question: str) -> Answer:
        """Give the same answer to the question as it was asked, of which this one's is the reading."""
        quotes = self.quotes.asked_as(question) if self.quotes else None
        return replace(self, question=question, quotes=quotes)

    def after(self, seconds: float) -> Answer:
        """Give the same answer with its wall time."""
        return replace(self, seconds=round(seconds, 3))


def _figure(values: dict[str, Any]) -> CheckedFigure:
    return CheckedFigure(**(values | {"found_in": tuple(values["found_in"])}))
