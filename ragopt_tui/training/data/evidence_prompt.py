"""A question with its evidence as the chat pane puts it to a model, and the answer with citations.

The built-in model is shown sentences and table rows with scores. The data say which passages hold
the answer; from that, scores are made up by this rule. In a passage that holds the answer, the unit
that shares most words with the answer has 0.95; a second and a third that each add a quarter of the
answer's words have 0.85 and 0.75; any other has 0.3, and up to 0.3 more by the share of the
question's words in it. A unit of another passage has 0.05, and up to 0.35 more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ragopt_tui.chat.backends import Messages
from ragopt_tui.chat.builtin_prompt import builtin_lines
from ragopt_tui.chat.prompt import REFUSAL, build_prompt, is_refusal
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.document import Document
from ragopt_tui.knowledge.passage import Hit, Passage, Profile
from ragopt_tui.knowledge.readers.text import text_blocks
from ragopt_tui.knowledge.scoring import Parts, ScoredUnit
from ragopt_tui.knowledge.sentences import sentence_spans
from ragopt_tui.knowledge.splitter import split
from ragopt_tui.knowledge.units import Unit, passage_units
from ragopt_tui.knowledge.words import stems_of
from ragopt_tui.plaintext import without_controls
from ragopt_tui.training.data.example import Evidence, Example
from ragopt_tui.training.data.rendered import LeftOut

ANSWERS = (0.95, 0.85, 0.75)
"""The scores of the units that answer together, in a passage that holds the answer."""
ADDS = 0.25
"""The share of the answer's words that a second and a third of them have to add."""
NEAR_ANSWER = (0.3, 0.3)
"""The least score of the other units of such a passage, and what shared words add at most."""
DISTRACTS = (0.05, 0.35)
"""The same for the units of other passages."""

_NOT_SEEN = Parts(*(0.0 for _ in Parts.__dataclass_fields__))
_CITED = re.compile(r"\[\d")
_FINAL = re.compile(r"<ANSWER>\s*:?\s*", re.IGNORECASE)
_QUOTE = re.compile(r"##begin_quote##(.*?)##end_quote##", re.DOTALL)
_PASSAGE_CHARACTERS = 1_000
_APART = 1_000_000_000
_QUOTE_MARKS = " \n\t\"'“”‘’"


@dataclass(frozen=True, slots=True)
class EvidencePrompt:
    """The turns before the answer, and the answer; `shortened` where not all evidence is shown."""

    messages: Messages
    answer: str
    shortened: bool


def evidence_prompt(
    example: Example, *, builtin: bool, count_tokens: Callable[[str], int], room: int
) -> EvidencePrompt:
    """Give the chat pane's own prompt of an example with evidence, which may have `room` tokens.

    The answer is not part of the prompt, its tokens are taken from the room. Raises LeftOut where
    the passage that holds the answer has no room.
    """
    hits = [_hit(number, each) for number, each in enumerate(example.evidence, start=1)]
    answer = cited_answer(example.answer, example.evidence)
    units = scored_units(example, hits) if builtin else ()
    room -= count_tokens(answer)
    system = [turn.content for turn in example.messages if turn.role == "system"]
    try:
        prompt = build_prompt(
            example.question,
            hits,
            builtin=builtin,
            count_tokens=count_tokens,
            room=room,
            system="\n\n".join(system),
            units=units,
        )
    except RagoptError as error:
        raise _no_room() from error
    content = prompt.messages[-1]["content"]
    oracles = [number for number, each in enumerate(example.evidence) if each.oracle]
    lines = builtin_lines(example.question, units, hits) if builtin else []
    if any(number >= prompt.used for number in oracles) or (lines and lines[0] not in content):
        raise _no_room()
    shown = lines if builtin else [hit.passage.text for hit in hits]
    return EvidencePrompt(prompt.messages, answer, not all(text in content for text in shown))


def cited_answer(answer: str, evidence: Sequence[Evidence]) -> str:
    """Give an answer with the numbers of the passages that hold it, as the chat asks for them.

    Each sentence is followed by the number of the one such passage; where there are several, all
    follow the last sentence. Of a chain of thought, the part behind `<ANSWER>` is so treated, and
    each marked quote is followed by the passage that it stands in. An answer with numbers of its
    own, or to which no passage is known, stays; a refusal is given in the chat's words.
    """
    if is_refusal(answer):
        return REFUSAL
    if _CITED.search(answer):
        return answer
    thought, final = "", answer
    mark = _FINAL.search(answer)
    if mark:
        thought, final = answer[: mark.end()], answer[mark.end() :]
    thought = _QUOTE.sub(lambda quote: quote[0] + _where(quote[1], evidence), thought)
    numbers = [number for number, each in enumerate(evidence, start=1) if each.oracle]
    return thought + _with_numbers(final.rstrip(), numbers)


def scored_units(example: Example, hits: Sequence[Hit]) -> tuple[ScoredUnit, ...]:
    """Give the sentences and rows of the evidence, best first, scored by the rule above."""
    asked, told = set(stems_of(example.question)), set(stems_of(example.answer))
    scored: list[ScoredUnit] = []
    for hit, evidence in zip(hits, example.evidence, strict=True):
        units = _units(hit.passage)
        least, more = NEAR_ANSWER if evidence.oracle else DISTRACTS
        scores = [least + more * _share(asked, unit) for unit in units]
        if evidence.oracle and not is_refusal(example.answer):
            for place, score in zip(_answering(units, told, asked), ANSWERS, strict=False):
                scores[place] = score
        scored += [ScoredUnit(u, _NOT_SEEN, s) for u, s in zip(units, scores, strict=True)]
    return tuple(sorted(scored, key=lambda each: -each.score))


def _answering(units: Sequence[Unit], told: set[str], asked: set[str]) -> Iterator[int]:
    """Give the places of units that together have the answer's words, the first in any case."""
    left, missing = list(range(len(units))), told
    while left:
        best = max(left, key=lambda n: (_share(missing, units[n]), _share(asked, units[n])))
        added = missing.intersection(stems_of(units[best].words))
        if missing is not told and len(added) < ADDS * len(told):
            return
        yield best
        left.remove(best)
        missing = missing - added


def _share(words: set[str], unit: Unit) -> float:
    return len(words.intersection(stems_of(unit.words))) / len(words) if words else 0.0


def _hit(number: int, evidence: Evidence) -> Hit:
    text = without_controls(evidence.text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    file = evidence.file or f"document-{number}.txt"
    # Passages of one file lie apart, so that a unit's place is found by its offsets.
    start = number * _APART
    passage = Passage(
        id=f"{file}#{number}",
        file=file,
        page=None,
        line_start=1,
        line_end=text.count("\n") + 1,
        char_start=start,
        char_end=start + len(text),
        kind="prose",
        headings=(),
        lead="",
        text=text,
        profile=Profile(),
    )
    return Hit(passage, 1.0 if evidence.oracle else 0.0)


def _units(passage: Passage) -> list[Unit]:
    """Give the units of evidence, tables among it by their rows, as the index would have them."""
    at = passage.char_start
    parts = [
        replace(
            part,
            id=f"{passage.id}.{number}",
            char_start=at + part.char_start,
            char_end=at + part.char_end,
        )
        for number, part in enumerate(_parts(passage.file, passage.text))
    ]
    return [unit for part in parts for unit in passage_units(part)]


@lru_cache(maxsize=2_000)
def _parts(file: str, text: str) -> tuple[Passage, ...]:
    blocks = text_blocks(text, is_markdown=False)
    lines = text.count("\n") + 1
    document = Document(file, "", text, blocks, tuple(range(1, lines + 1)), (0,) * lines)
    return tuple(split(document, Profile(), _lengths, _PASSAGE_CHARACTERS))


def _lengths(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


def _where(quote: str, evidence: Sequence[Evidence]) -> str:
    said = " ".join(quote.strip(_QUOTE_MARKS).split())
    for number, each in enumerate(evidence, start=1):
        if said and said in " ".join(each.text.split()):
            return f" [{number}]"
    return ""


def _with_numbers(text: str, numbers: Sequence[int]) -> str:
    spans = sentence_spans(text) if numbers else []
    marks = "".join(f"[{number}]" for number in numbers)
    for _, end in reversed(spans if len(numbers) == 1 else spans[-1:]):
        stop = "." if text[:end].endswith(".") else ""
        text = f"{text[:end].removesuffix('.')} {marks}{stop}{text[end:]}"
    return text


def _no_room() -> LeftOut:
    return LeftOut(
        "The passage that holds the answer does not fit into max_length.", "Raise max_length."
    )
