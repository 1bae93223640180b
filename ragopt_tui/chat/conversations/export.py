"""A conversation as Markdown, with quotes, sources, model and index version."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ragopt_tui.chat.answer import Answer, Citation
from ragopt_tui.chat.exchange import Exchange
from ragopt_tui.chat.places import place
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.scope import Filter
from ragopt_tui.models.variant import variant_name
from ragopt_tui.plaintext import markdown_escaped, one_line, without_controls

_LONGEST_HEADING = 120
_LONGEST_NAME = 60
_FENCE = re.compile(r"\s{0,3}(```|~~~)")


def to_markdown(title: str, docs: str, exchanges: Sequence[Exchange]) -> str:
    """Give a conversation as one Markdown document that ends with a newline."""
    parts = [f"# {_line(title)}", f"Documents: {_line(docs, 4096)}"]
    for number, exchange in enumerate(exchanges, 1):
        parts += _exchange(number, exchange)
    return "\n\n".join(parts) + "\n"


def file_name(title: str) -> str:
    """Give a file's name for a conversation of this title."""
    words = re.sub(r"[^\w.-]+", "-", title).strip("-.")[:_LONGEST_NAME]
    return f"{words or 'conversation'}.md"


def save_markdown(path: Path, title: str, docs: str, exchanges: Sequence[Exchange]) -> None:
    """Write a conversation to a file that is not there yet; raises RagoptError."""
    text = to_markdown(title, docs, exchanges)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists():
            raise RagoptError(f"{path} is there already.", "Give another name.")
        try:
            aside.write_text(text, encoding="utf-8", errors="replace")
            aside.rename(path)
        finally:
            aside.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") or str(error)
        raise RagoptError(f"{path} cannot be written: {reason}.", "Give another place.") from error


def _exchange(number: int, exchange: Exchange) -> Iterator[str]:
    question = exchange.question
    yield f"## {number}. {_line(question)}"
    if one_line(question, _LONGEST_HEADING) != question:
        yield _quoted(question)
    if exchange.resolved_question not in ("", question):
        yield f"Read as: {_line(exchange.resolved_question)}"
    if exchange.scope:
        yield _looked_in(exchange.scope)
    if exchange.answer is not None:
        yield from _answer(exchange.answer, exchange.variant_hash)
    else:
        yield from _unfinished(exchange)
    if exchange.difference:
        yield f"*{markdown_escaped(exchange.difference)}*"
    yield from _feedback(exchange)
    yield f"*Asked {exchange.asked:%Y-%m-%d %H:%M}.*"


def _looked_in(scope: Sequence[Filter]) -> str:
    """Name the companies and periods that the search kept to, was to prefer, and was to ignore."""
    states = (("used", "Looked in"), ("relaxed", "Too little there"), ("removed", "Left out"))
    said = [
        f"{words}: {' · '.join(_line(each.value) for each in scope if each.state == state)}"
        for state, words in states
        if any(each.state == state for each in scope)
    ]
    return "; ".join(said)


def _answer(answer: Answer, variant_hash: str) -> Iterator[str]:
    yield _without_html(without_controls(answer.text))
    if answer.unsupported:
        yield f"**Not supported by its sources:** {markdown_escaped(answer.unsupported)}"
    for other in answer.other_scope:
        about = f"\\[{other.citation}\\] is about {_line(other.found)}, not {_line(other.asked)}"
        yield f"**Another {other.kind}:** {about}."
    if answer.citations:
        yield "\n".join(_source(citation, answer) for citation in answer.citations)
    files = f", files {variant_hash[:16]}" if variant_hash else ""
    who = f"{_line(variant_name(answer.variant))}{files}"
    yield f"*Answered by {who}; index {answer.index_version or 'none'}; {answer.seconds:.1f} s.*"
    if answer.quotes is not None:
        yield "Word for word from the documents:"
        yield from _answer(answer.quotes, "")


def _unfinished(exchange: Exchange) -> Iterator[str]:
    if exchange.text:
        yield _without_html(without_controls(exchange.text))
    yield f"*{markdown_escaped(exchange.problem) if exchange.state == 'failed' else 'Stopped.'}*"


def _feedback(exchange: Exchange) -> Iterator[str]:
    if exchange.thumb:
        yield f"*Marked as a {'good' if exchange.thumb > 0 else 'bad'} answer.*"
    if exchange.correction:
        yield f"Corrected answer:\n\n{_quoted(exchange.correction)}"


def _source(citation: Citation, answer: Answer) -> str:
    where = place(citation.page, citation.line_start, citation.line_end)
    also_in = answer.evidence[citation.n - 1].also_in
    if also_in:
        where += f" (also in {_line(', '.join(also_in), 4096)})"
    lines = without_controls(citation.quote).split("\n")
    quote = "\n".join(f"    > {markdown_escaped(line)}" for line in lines)
    return f"- \\[{citation.n}\\] {_line(citation.file, 4096)}, {where}\n\n{quote}\n"


def _quoted(text: str) -> str:
    return "\n".join(f"> {markdown_escaped(line)}" for line in without_controls(text).split("\n"))


def _line(text: str, limit: int = _LONGEST_HEADING) -> str:
    return markdown_escaped(one_line(text, limit))


def _without_html(text: str) -> str:
    """Escape what could be an HTML tag outside code blocks: a model's answer is text, not a page."""
    lines, fenced = [], False
    for line in text.split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        lines.append(line if fenced else re.sub(r"(?<!\\)<(?=[a-zA-Z/!?])", r"\\<", line))
    return "\n".join(lines)
