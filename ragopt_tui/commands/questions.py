"""`ragopt-tui search` and `ragopt-tui ask`: one question, or a file of them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ragopt_tui.chat.answer import Answer, Citation
from ragopt_tui.chat.engine_client import EngineClient
from ragopt_tui.chat.figures.summary import figure_parts
from ragopt_tui.cli import REFUSED
from ragopt_tui.commands.index import synchronise_with_progress
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.scope import Filter, FilterKind
from ragopt_tui.models.standing import standing_of
from ragopt_tui.models.store import VariantStore
from ragopt_tui.plaintext import without_controls
from ragopt_tui.settings import Settings, folders, load_settings
from ragopt_tui.verification.words import warning


def search(
    docs: Path,
    questions: str | Path,
    limit: int,
    as_json: bool,
    without: Collection[FilterKind] = (),
) -> int:
    """Print the passages closest to each question; `without` is not kept to."""
    settings = load_settings()

    async def run() -> None:
        async with _engine(docs, settings) as engine:
            for question in _each(questions):
                params = {"question": question, "limit": limit, "without": _all_of(without)}
                found = await engine.call("search", params)
                record = {"question": question, **found}
                _emit(record, as_json or isinstance(questions, Path), _print_hits)

    _prepare(docs, questions)
    asyncio.run(run())
    return 0


def ask(
    docs: Path,
    questions: str | Path,
    model: str | None,
    as_json: bool,
    without: Collection[FilterKind] = (),
) -> int:
    """Print the answer to each question; REFUSED when the only question had none.

    `without` are the kinds of filters that are not kept to.
    """
    settings = load_settings()
    store = VariantStore(folders().models)
    variant = store.answering(model or settings.model)
    record = store.known(variant.id)
    if record is not None and (said := warning(record, standing_of(record, store.known))):
        print(f"Warning: {said}", file=sys.stderr)
    refused: list[bool] = []

    async def run() -> None:
        async with _engine(docs, settings) as engine:
            for question in _each(questions):
                params = {
                    "question": question,
                    "variant": variant.id,
                    "passages": settings.passages,
                    "without": _all_of(without),
                }
                answer = await engine.call("ask", params)
                refused.append(answer["refused"])
                _emit(answer, as_json or isinstance(questions, Path), _print_answer)

    _prepare(docs, questions)
    asyncio.run(run())
    return REFUSED if isinstance(questions, str) and refused == [True] else 0


def _prepare(docs: Path, questions: str | Path) -> None:
    """Check the question file before the work, then bring the index up to date."""
    if isinstance(questions, Path):
        for _ in _each(questions):
            pass
    synchronise_with_progress(docs)


@asynccontextmanager
async def _engine(docs: Path, settings: Settings) -> AsyncIterator[EngineClient]:
    engine = EngineClient()
    try:
        await engine.call("open", {"docs": str(docs), "embedder": settings.embedder})
        yield engine
    finally:
        await engine.close()


def _each(questions: str | Path) -> Iterator[str]:
    """Give the one question, or those of a JSON lines file; raises RagoptError for a bad line."""
    if isinstance(questions, str):
        yield questions
        return
    try:
        lines = questions.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RagoptError(f"The question file {questions} cannot be read: {error}.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            question = json.loads(line)["question"]
        except (ValueError, KeyError, TypeError):
            question = None
        if not isinstance(question, str) or not question.strip():
            raise RagoptError(
                f'Line {number} of {questions} is no JSON object with a "question".',
                'Each line looks like {"question": "What was revenue?"}.',
            )
        yield question


def _emit(record: dict[str, Any], as_json: bool, printer: Callable[[dict[str, Any]], None]) -> None:
    if as_json:
        print(json.dumps(record, ensure_ascii=False))
    else:
        printer(record)
    sys.stdout.flush()


def _print_hits(record: dict[str, Any]) -> None:
    _print_scope([Filter.from_json(each) for each in record["filters"]])
    for number, hit in enumerate(record["hits"], 1):
        print(f"[{number}] {_place(hit)}  {hit['score']:.3f}")
        if hit["headings"]:
            print(f"    {without_controls(' › '.join(hit['headings']))}")
        if hit["also_in"]:
            print(f"    also in {without_controls(', '.join(hit['also_in']))}")
        for line in f"{hit['lead']}\n{hit['text']}".strip().split("\n"):
            print(f"    {without_controls(line)}")
        print()


def _print_answer(record: dict[str, Any]) -> None:
    answer = Answer.from_json(record)
    _print_scope(answer.filters)
    print(without_controls(answer.text))
    if parts := figure_parts(answer):
        print(f"\n{without_controls(' · '.join(text for _, text in parts))}")
    if answer.unsupported:
        print(f"\nNot supported by its sources: {answer.unsupported}")
    if answer.quotes and not answer.quotes.refused:
        print(f"\nQuotes:\n{without_controls(answer.quotes.text)}")
    shown = answer if answer.citations else answer.quotes or answer
    cited = shown.citations
    print()
    for citation in cited:
        place = _place({**record["evidence"][0], **_fields(citation)})
        print(f"[{citation.n}] {place}")
    for other in shown.other_scope:
        about = f"[{other.citation}] is about {other.found}, not {other.asked}"
        print(f"Note: {without_controls(about)}")
    if not cited:
        print("Closest passages:")
        for number, hit in enumerate(answer.evidence, 1):
            print(f"[{number}] {_place(hit.passage.to_json())}")
    print(f"\n{answer.variant} · {answer.index_version} · {answer.seconds:.2f} s")


def _print_scope(filters: Collection[Filter]) -> None:
    """Say on standard error which companies and periods were kept to, so that answers stay alone."""
    if kept := [each.value for each in filters if each.state == "used"]:
        print(f"Looked in: {without_controls(' · '.join(kept))}", file=sys.stderr)
    if relaxed := [each.value for each in filters if each.state == "relaxed"]:
        print(f"Too little of: {without_controls(' · '.join(relaxed))}", file=sys.stderr)


def _all_of(kinds: Collection[FilterKind]) -> list[list[str]]:
    return [[kind, ""] for kind in kinds]


def _fields(citation: Citation) -> dict[str, Any]:
    return {name: getattr(citation, name) for name in ("file", "page", "line_start", "line_end")}


def _place(hit: dict[str, Any]) -> str:
    page = f" p.{hit['page']}" if hit["page"] else ""
    return f"{without_controls(hit['file'])}{page} l.{hit['line_start']}-{hit['line_end']}"
