"""Citations `[n]` in an answer's text, and the lines of evidence they stand for."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ragopt_tui.chat.answer import Citation
from ragopt_tui.knowledge.passage import Hit, Passage
from ragopt_tui.knowledge.sentences import sentence_spans
from ragopt_tui.knowledge.units import passage_units
from ragopt_tui.knowledge.words import stems_of

# At most three digits, so that a bracketed year is no citation.
_ITEM = r"\d{1,3}(?:\s?[-–]\s?\d{1,3})?"
_CITATION = re.compile(rf"(?<![\\!])\[(?:{_ITEM})(?:\s?[,;]\s?(?:{_ITEM}))*\](?!\()", re.ASCII)
_RANGE = re.compile(r"(\d+)\s?[-–]\s?(\d+)", re.ASCII)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*$", re.MULTILINE)
_BACKTICKS = re.compile(r"(?<![\\`])`+")
_LINE = re.compile(r"(?:^[ \t]*\|[^\n]*(?:\n|\Z))+|[^\n]+", re.MULTILINE)
"""A line, or the lines of a Markdown table."""
_INTRODUCES = re.compile(r":[\s*_]*(?:\[[\d\s,;–-]+\][\s*_]*)*$")
_LISTED = re.compile(r"[ \t]*(?:[-*+|]|\d{1,3}[.)])")


@dataclass(frozen=True, slots=True)
class CitationSpan:
    """`text[start:end]` is one bracket; `numbers` are those in it, ranges spelt out."""

    start: int
    end: int
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """`text[start:end]` is a sentence with the brackets that cite for it; `numbers` are theirs."""

    start: int
    end: int
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ParsedCitations:
    """The citations of a text: each number once, in order of appearance.

    `numbers` point at evidence, `dangling` at nothing; `spans` are all brackets in order.
    """

    numbers: tuple[int, ...]
    dangling: tuple[int, ...]
    spans: tuple[CitationSpan, ...]


def parse_citations(text: str, evidence_count: int) -> ParsedCitations:
    """Find `[1]`, `[1, 2]`, `[1][2]` and `[1-3]`, outside of Markdown links and code."""
    spans = tuple(_spans(text))
    seen = dict.fromkeys(number for span in spans for number in span.numbers)
    return ParsedCitations(
        numbers=tuple(n for n in seen if 1 <= n <= evidence_count),
        dangling=tuple(n for n in seen if not 1 <= n <= evidence_count),
        spans=spans,
    )


def cite(n: int, passage: Passage, start: int, end: int) -> Citation:
    """Cite `passage.text[start:end]` as evidence `n`; lines are counted from the passage's first."""
    first = passage.line_start + passage.text.count("\n", 0, start)
    last = first + passage.text.count("\n", start, max(start, end - 1))
    return Citation(
        n=n,
        file=passage.file,
        page=passage.page,
        line_start=min(first, passage.line_end),
        line_end=min(last, passage.line_end),
        char_start=passage.char_start + start,
        char_end=passage.char_start + end,
        quote=passage.text[start:end],
    )


def cite_answer(text: str, evidence: Sequence[Hit]) -> tuple[Citation, ...]:
    """Give one citation for each evidence passage that `text` cites.

    Its quote is the sentence or row of the passage that shares most words and figures with the
    sentences of `text` that cite it.
    """
    parsed = parse_citations(text, len(evidence))
    claims = _claims(text, parsed.spans)
    citations = []
    for n in parsed.numbers:
        passage = evidence[n - 1].passage
        start, end = _best_unit(passage, claims[n])
        citations.append(cite(n, passage, start, end))
    return tuple(citations)


def cited_sentences(text: str, spans: Sequence[CitationSpan]) -> list[CitedSentence]:
    """Part an answer into its sentences, line by line; `spans` are its citations.

    A bracket behind a sentence's full stop belongs to that sentence, and a full stop within round
    brackets ends none. A table is one sentence. A line that ends in a colon and the list or table
    that it introduces share their citations where one of them has none.
    """
    starts = [span.start for span in spans]
    sentences: list[CitedSentence] = []
    introduction: CitedSentence | None = None
    at = 0
    for line in _LINE.finditer(text):
        first_of_line = len(sentences)
        listed = _LISTED.match(line.group()) is not None
        for start, end in _whole_sentences(text, line.start(), line.end()):
            own = spans[bisect_left(starts, start) : bisect_left(starts, end)]
            late = _leading(text, start, own) if len(sentences) > first_of_line else 0
            if late:
                before = sentences.pop()
                numbers = before.numbers + _numbers_of(own[:late])
                sentences.append(CitedSentence(before.start, own[late - 1].end, numbers))
                start = own[late - 1].end
            if text[start:end].strip():
                sentences.append(CitedSentence(start, end, _numbers_of(own[late:])))
        if listed and introduction is not None:
            for index in range(first_of_line, len(sentences)):
                sentences[at] = _cited_too(sentences[at], introduction, sentences[index].numbers)
                sentences[index] = _cited_too(
                    sentences[index], sentences[index], introduction.numbers
                )
        elif not listed and line.group().strip():
            introduces = len(sentences) > first_of_line and _INTRODUCES.search(line.group())
            at = len(sentences) - 1
            introduction = sentences[at] if introduces else None
    return sentences


def _cited_too(
    sentence: CitedSentence, written: CitedSentence, numbers: tuple[int, ...]
) -> CitedSentence:
    """Add citations to a sentence unless it was written with its own."""
    return sentence if written.numbers else replace(sentence, numbers=sentence.numbers + numbers)


def _leading(text: str, start: int, own: Sequence[CitationSpan]) -> int:
    """Count the brackets that stand before the first word of a sentence."""
    count = 0
    for span in own:
        if text[start : span.start].strip(" .;,"):
            break
        start = span.end
        count += 1
    return count


def _numbers_of(spans: Sequence[CitationSpan]) -> tuple[int, ...]:
    return tuple(number for span in spans for number in span.numbers)


def _whole_sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Give the sentences of a line, those that a full stop in round brackets parts as one."""
    line = text[start:end]
    spans = [(0, len(line.rstrip()))] if line.lstrip().startswith("|") else sentence_spans(line)
    begin = -1
    for first, last in spans:
        begin = start + first if begin < 0 else begin
        sentence = text[begin : start + last]
        if sentence.count("(") <= sentence.count(")") or last == spans[-1][1]:
            yield begin, start + last
            begin = -1


def _spans(text: str) -> Iterator[CitationSpan]:
    code = _code_spans(text)
    starts = [start for start, _ in code]
    for match in _CITATION.finditer(text):
        before = bisect_right(starts, match.start()) - 1
        if before >= 0 and match.start() < code[before][1]:
            continue
        if text[match.start() - 1 : match.start()] == "[" and text.startswith("](", match.end()):
            continue
        numbers = tuple(_numbers(match.group()[1:-1]))
        if numbers:
            yield CitationSpan(match.start(), match.end(), numbers)


def _numbers(inside: str) -> Iterator[int]:
    for item in re.split(r"[,;]", inside):
        bounds = _RANGE.search(item)
        if bounds:
            low, high = sorted((int(bounds[1]), int(bounds[2])))
            yield from range(low, high + 1)
        else:
            yield int(item)


def _code_spans(text: str) -> list[tuple[int, int]]:
    """Give the offsets of fenced blocks and inline code; an open fence runs to the end."""
    spans: list[tuple[int, int]] = []
    at = 0
    for start, end in [*fenced_blocks(text), (len(text), len(text))]:
        spans += _inline_code(text, at, start)
        if end > start:
            spans.append((start, end))
        at = end
    return spans


def fenced_blocks(text: str) -> Iterator[tuple[int, int]]:
    """Give the offsets of fenced code, in order; an open fence runs to the end."""
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            if fence[1][0] == "~" or "`" not in fence.group().strip().lstrip("`"):
                opened = fence
        elif fence[1].startswith(opened[1]) and fence.group().strip() == fence[1]:
            yield opened.start(), fence.end()
            opened = None
    if opened is not None:
        yield opened.start(), len(text)


def _inline_code(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Pair backtick runs of equal length that stand in one paragraph."""
    runs = list(_BACKTICKS.finditer(text, start, end))
    i = 0
    while i < len(runs):
        close = next((j for j in range(i + 1, len(runs)) if _closes(text, runs[i], runs[j])), None)
        if close is None:
            i += 1
        else:
            yield runs[i].start(), runs[close].end()
            i = close + 1


def _closes(text: str, opening: re.Match[str], closing: re.Match[str]) -> bool:
    same_length = len(opening.group()) == len(closing.group())
    return same_length and "\n\n" not in text[opening.end() : closing.start()]


def _claims(text: str, spans: Sequence[CitationSpan]) -> dict[int, set[str]]:
    """Give for each number the words of the sentences it is cited in."""
    claims: dict[int, set[str]] = {}
    for sentence in cited_sentences(text, spans):
        words = _words(text[sentence.start : sentence.end])
        for number in sentence.numbers:
            claims.setdefault(number, set()).update(words)
    return claims


def _words(text: str) -> set[str]:
    return set(stems_of(_CITATION.sub(" ", text)))


def _best_unit(passage: Passage, claim: set[str]) -> tuple[int, int]:
    """Give the sentence or row of the passage nearest to the claim; figures count three times."""
    best, best_score = (0, len(passage.text)), 0.0
    for unit in passage_units(passage):
        words = _words(unit.words)
        shared = sum(3 if word[0].isdigit() else 1 for word in words & claim)
        score = shared / (1 + len(words - claim) * 0.25)
        if score > best_score:
            best, best_score = (unit.start, unit.end), score
    return best
