"""An engine that plays events as they were recorded from the real one, and a library of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ragopt_tui.chat.answer import Answer, Citation, SourceState
from ragopt_tui.chat.engine_client import EngineDied, EngineState
from ragopt_tui.chat.protocol import LAST_EVENTS, Event, Method
from ragopt_tui.chat.source_changes import SourceChange
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import JobProgress
from ragopt_tui.knowledge.catalogue import FileRecord
from ragopt_tui.knowledge.difference import Difference
from ragopt_tui.knowledge.passage import Hit, Passage, Profile
from ragopt_tui.knowledge.watch import News, Stop
from ragopt_tui.settings import Settings
from ragopt_tui.ui.app import RagoptApp
from ragopt_tui.ui.indexing import Indexing

DOCS = Path("/reports/sample_docs")
NOON = datetime(2025, 3, 14, 12, 0)

REPORT = "northwind_annual_report_2023.md"
REPORT_TEXT = """# Northwind Industries plc — Annual report 2023

## Management discussion

### Results of operations

Revenue rose by 6.1 % to EUR 2,418 million. Operating margin was 14.2 % in fiscal 2023, up from \
12.9 % in fiscal 2022, because freight and energy costs fell and the Components segment moved to \
longer contracts with indexed prices.

| EUR million | 2023 | 2022 |
|---|---|---|
| Revenue | 2,418 | 2,279 |
| Operating profit | 343 | 294 |
| Operating margin | 14.2 % | 12.9 % |

### Liquidity

Net debt stood at EUR 612 million at year end, 1.3 times EBITDA [2022: 1.7 times].
"""
CALL = "northwind_q4_2023_earnings_call.txt"
CALL_TEXT = "\n".join(
    [
        "Northwind Industries plc - Q4 2023 earnings call",
        "",
        *[f"Operator remark {n}." for n in range(3, 60)],
        "CFO: Our operating margin of 14.2 percent was the best in nine years.",
        "Analyst: Congratulations on that.",
    ]
)
TEXTS = {REPORT: REPORT_TEXT, CALL: CALL_TEXT}
PROFILE = Profile("Annual report 2023", "Northwind Industries", "FY2023", "annual report")
HEADINGS = ("Management discussion", "Results of operations")


def passage(
    file: str, first: str, last: str, kind: str = "prose", page: int | None = None
) -> Passage:
    """The passage of a file that runs from the words `first` to the words `last`."""
    text = TEXTS[file]
    start = text.index(first)
    end = text.index(last, start) + len(last)
    return Passage(
        id=f"{file}:{start}",
        file=file,
        page=page,
        line_start=text.count("\n", 0, start) + 1,
        line_end=text.count("\n", 0, end) + 1,
        char_start=start,
        char_end=end,
        kind="table" if kind == "table" else "prose",
        headings=HEADINGS if file == REPORT else (),
        lead="",
        text=text[start:end],
        profile=PROFILE
        if file == REPORT
        else Profile("Q4 2023 earnings call", "Northwind Industries", "Q4 2023"),
    )


def citation(n: int, of: Passage, quote: str) -> Citation:
    start = of.char_start + of.text.index(quote)
    line = of.line_start + of.text.count("\n", 0, start - of.char_start)
    return Citation(
        n, of.file, of.page, line, line + quote.count("\n"), start, start + len(quote), quote
    )


PROSE = passage(REPORT, "Revenue rose by", "indexed prices.")
TABLE = passage(REPORT, "| EUR million", "12.9 % |", "table")
DEBT = passage(REPORT, "Net debt stood", "1.7 times].")
REMARK = passage(CALL, "CFO: Our", "nine years.")
HITS = tuple(Hit(p, 1.0 / n) for n, p in enumerate((PROSE, TABLE, REMARK, DEBT), 1))
STATES = tuple(SourceState(file, len(text), 1, "00") for file, text in TEXTS.items())
QUESTION = "What was Northwind's operating margin in 2023?"
MARGIN = "Operating margin was 14.2 % in fiscal 2023, up from 12.9 % in fiscal 2022"


def quotes_answer(question: str = QUESTION) -> Answer:
    return Answer(
        question=question,
        text=f"{MARGIN}, because freight and energy costs fell. [1]\n\n"
        "Operating margin: 2023: 14.2 %; 2022: 12.9 % [2]",
        refused=False,
        citations=(
            citation(1, PROSE, MARGIN),
            citation(2, TABLE, "| Operating margin | 14.2 % | 12.9 % |"),
        ),
        evidence=HITS,
        variant="quotes",
        index_version="g1.v14",
        seconds=0.31,
        sources=STATES,
    )


def refusal(question: str = QUESTION) -> Answer:
    return Answer(
        question=question,
        text="The documents do not say.",
        refused=True,
        citations=(),
        evidence=HITS[1:],
        variant="quotes",
        index_version="g1.v14",
        seconds=0.22,
        sources=STATES,
    )


def unsupported(question: str = QUESTION) -> Answer:
    return Answer(
        question=question,
        text="Operating margin was **15.8 %** in 2023 [1], well above plan [7].",
        refused=False,
        citations=(citation(1, PROSE, MARGIN),),
        evidence=HITS,
        variant="builtin-q8_0",
        index_version="g1.v14",
        seconds=2.4,
        dangling=(7,),
        unsupported="15.8 % stands in no cited passage.",
        quotes=quotes_answer(question),
        sources=STATES,
    )


def events_of(answer: Answer, pieces: int = 6) -> list[Event]:
    """The events that the engine sends for an answer."""
    hits = [hit.passage.to_json() | {"score": hit.score} for hit in answer.evidence]
    size = max(1, len(answer.text) // pieces)
    return [
        Event(1, "status", {"message": "searching", "fraction": None}),
        Event(1, "evidence", {"hits": hits}),
        *(
            Event(1, "text", {"text": answer.text[i : i + size]})
            for i in range(0, len(answer.text), size)
        ),
        Event(1, "done", answer.to_json()),
    ]


class ScriptedRequest:
    """Plays events; one that is a callable is awaited, one that is an error is raised."""

    def __init__(self, script: list[Any]) -> None:
        self._script = script
        self._cancelled = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[Event]:
        for step in self._script:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, asyncio.Event):
                waits = [asyncio.create_task(e.wait()) for e in (step, self._cancelled)]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
                if self._cancelled.is_set():
                    yield Event(1, "cancelled")
                    return
                continue
            yield step
            if step.type in LAST_EVENTS:
                return

    async def cancel(self) -> None:
        self._cancelled.set()


@dataclass
class ScriptedEngine:
    """Answers each `ask` with the next script; remembers what it was asked."""

    asks: list[list[Any]] = field(default_factory=list)
    documents: dict[str, str] = field(default_factory=lambda: dict(TEXTS))
    passages: int = 431
    on_state: Callable[[EngineState, str], None] | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    starts: int = 0
    load_error: RagoptError | None = None

    async def start(self) -> None:
        self.starts += 1
        self._is("ready")

    async def close(self) -> None:
        self._is("stopped")

    def die(self, reason: str) -> None:
        self._is("dead", reason)

    def request(self, method: Method, params: dict[str, Any] | None = None) -> ScriptedRequest:
        assert method == "ask"
        self.asked.append(params or {})
        return ScriptedRequest(self.asks.pop(0))

    async def call(self, method: Method, params: dict[str, Any] | None = None) -> dict[str, Any]:
        params = params or {}
        self.calls.append((method, params))
        if method == "open":
            return {"index_version": "g1.v14" if self.passages else "", "passages": self.passages}
        if method == "load" and self.load_error is not None:
            raise self.load_error
        if method == "document":
            return document_json(params["file"], self.documents)
        return {}

    def _is(self, state: EngineState, reason: str = "") -> None:
        if self.on_state is not None:
            self.on_state(state, reason)


def document_json(file: str, texts: dict[str, str]) -> dict[str, Any]:
    if file not in texts:
        raise RagoptError(f"{file} is no longer in the folder.", "F5 reads what changed.")
    count = texts[file].count("\n") + 1
    return {
        "file": file,
        "title": file,
        "text": texts[file],
        "line_numbers": list(range(1, count + 1)),
        "pages": [0] * count,
        "changed": False,
    }


SUMMARY = {
    "files": 12,
    "passages": 431,
    "added": 12,
    "changed": 0,
    "removed": 0,
    "unchanged": 0,
    "left_out": [["scan.pdf", "it is encrypted"]],
    "seconds": 3.1,
    "index_version": "g1.v14",
}
DONE = Indexing(DOCS, running=False, summary=SUMMARY)
EMBEDDING = Indexing(DOCS, progress=JobProgress("embedding", 187, 431, "passages", REPORT, 12.4))


def record(file: str, passages: int, reason: str = "", title: str = "") -> FileRecord:
    status = "left_out" if reason else "indexed"
    return FileRecord(file, 1000, 1, "00", status, reason, passages, title)  # type: ignore[arg-type]


RECORDS = [
    record(REPORT, 64, title="Northwind Industries plc — Annual report 2023"),
    record(CALL, 31, title="Q4 2023 earnings call"),
    record("northwind_segments.csv", 12, title="Segment results"),
    record("scan.pdf", 0, "It is encrypted and needs a password."),
]


@dataclass
class ScriptedLibrary:
    """Gives one state of the reading after the other, and stays at the last one; nothing happens."""

    states: list[Indexing] = field(default_factory=lambda: [DONE])
    files: list[FileRecord] = field(default_factory=lambda: list(RECORDS))
    begun: list[bool] = field(default_factory=list)
    changed: list[SourceChange] = field(default_factory=list)
    differs: Difference = field(default_factory=Difference)

    def begin(self, rebuild: bool = False) -> Indexing:
        self.begun.append(rebuild)
        return self.look()

    def look(self) -> Indexing:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def records(self) -> list[FileRecord]:
        return list(self.files)

    def difference(self) -> Difference:
        return self.differs

    def watch(self, stop: Stop) -> Iterator[News]:
        return iter(())

    def changes(self, states: Iterable[SourceState]) -> list[SourceChange]:
        asked = set(states)
        return [change for change in self.changed if change.source in asked]


def scripted_app(
    *asks: list[Any],
    library: ScriptedLibrary | None = None,
    engine: ScriptedEngine | None = None,
    settings: Settings | None = None,
    docs: Path | None = DOCS,
    variant: str = "quotes",
) -> RagoptApp:
    engine = engine or ScriptedEngine()
    engine.asks = [*engine.asks, *asks]
    shelf = library or ScriptedLibrary()
    return RagoptApp(
        docs,
        settings or Settings(),
        variant,
        engine,
        library=lambda _folder: shelf,
        clock=lambda: NOON,
    )


def died() -> EngineDied:
    return EngineDied(
        "The engine was killed, probably because memory ran out (SIGKILL).",
        "It starts again with the next question.",
    )
