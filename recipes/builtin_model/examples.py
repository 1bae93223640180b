"""Examples: what the model reads and what it should write, from a case and the scores of its lines."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragopt_tui.chat.builtin_prompt import SHOWN_UNITS, builtin_content, unit_line
from recipes.builtin_model.lines import Case, Line
from recipes.builtin_model.vary import (
    Change,
    asked_otherwise,
    other_figures,
    other_names,
    other_years,
    unreadable,
)

ENDLESS = ("invented", "prose")
"""Origins whose cases never come twice."""
REFUSAL = "The documents do not say."
FIGURES_ONLY = "Reply with the figure only and its citation."
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_FINANCE = 0.75
"""How often a case about finance has its figures, years and names changed; others half as often."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A case and the log odds that each of its lines answers."""

    case: Case
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Forms:
    """How other programs ask: a system turn before passages, and an instruction before them."""

    system: str
    instruction: str


@dataclass(frozen=True, slots=True)
class Example:
    """One exchange: the user's turn, a system turn's words before it included, and the answer."""

    content: str
    answer: str


@dataclass(frozen=True, slots=True)
class _Shown:
    line: Line
    score: float
    number: int


def example(scored: Scored, mate: Scored | None, forms: Forms, rng: random.Random) -> Example:
    """Make an example; of `mate`, a case over the same documents, the question may be asked too."""
    case = scored.case
    if rng.random() < 0.14:
        left = [
            pair for pair in zip(case.lines, scored.scores, strict=True) if not pair[0].statement
        ]
        case = replace(case, lines=tuple(line for line, _ in left))
        scored = Scored(case, tuple(score for _, score in left))
    elif rng.random() < 0.1:
        case = _over_two_columns(case, rng)
        scored = Scored(case, scored.scores)
    elif rng.random() < 0.08 and mate and _answerable(case) and _answerable(mate.case):
        return _two_questions(scored, mate, rng)
    lines = list(zip(case.lines, _trustworthy(scored, rng), strict=True))
    shown = _ranked(lines, _how_many(rng), rng)
    question = asked_otherwise(case.question, rng)
    if case.origin not in ENDLESS and rng.random() < 0.2:
        question = unreadable(question, rng)
    gold = next((s for s in shown if s.line.statement), None)
    answer = _cited(gold) if gold else REFUSAL
    return _changed(_written(question, shown, answer, gold, forms, rng), case.origin, shown, rng)


def _trustworthy(scored: Scored, rng: random.Random) -> list[float]:
    """Give scores that tell what answers in nearly every case of a set that has an end.

    Where a few thousand questions come again and again, a model learns by heart what the scores do
    not tell it, and then distrusts them with questions that it does not know. When to overrule the
    scores is learned from invented cases, which never come twice.
    """
    scores = [score + rng.gauss(0, 0.3) for score in scored.scores]
    gold = [n for n, line in enumerate(scored.case.lines) if line.statement]
    if scored.case.origin in ENDLESS:
        return scores if gold else [score - 1.2 for score in scores]
    if gold:
        best = max(gold, key=lambda n: scores[n])
        if rng.random() < 0.8:
            scores[best] = rng.gauss(3, 1.5)
            most = scores[best] - abs(rng.gauss(0, 0.6))
            scores = [s if n == best else min(s, most) for n, s in enumerate(scores)]
    elif scores and rng.random() < 0.95:
        down = max(0.0, max(scores) - rng.gauss(-1.6, 0.8))
        scores = [score - down for score in scores]
    return scores


def _answerable(case: Case) -> bool:
    return any(line.statement for line in case.lines)


def _how_many(rng: random.Random) -> int:
    return SHOWN_UNITS if rng.random() < 0.5 else rng.randint(2, SHOWN_UNITS)


def _ranked(lines: Sequence[tuple[Line, float]], count: int, rng: random.Random) -> list[_Shown]:
    """Give the best lines; passages are numbered as they come, as the product does."""
    best = sorted(lines, key=lambda pair: -pair[1])[:count]
    gold = [pair for pair in lines if pair[0].statement]
    if gold and not any(line.statement for line, _ in best) and rng.random() < 0.5:
        best = sorted([*best[:-1], gold[0]], key=lambda pair: -pair[1])
    numbers: dict[int, int] = {}
    for line, _ in best:
        numbers.setdefault(line.passage, len(numbers) + 1)
    if rng.random() < 0.1:
        values = rng.sample(range(1, len(numbers) + 3), len(numbers))
        numbers = dict(zip(numbers, values, strict=True))
    return [_Shown(line, 1 / (1 + math.exp(-score)), numbers[line.passage]) for line, score in best]


def _over_two_columns(case: Case, rng: random.Random) -> Case:
    """Ask for a row's value of another year as well, where question and row have years."""
    year = _YEAR.search(case.question)
    if not year or len(case.asked) != 1:
        return case
    lines = []
    other = ""
    for line in case.lines:
        values = dict(line.cells)
        if line.statement and case.asked[0] in values:
            years = {y[0]: column for column in values if (y := _YEAR.search(column))}
            others = [y for y in years if years[y] != case.asked[0] and (not other or y == other)]
            if others and year[0] in case.asked[0]:
                other = other or rng.choice(others)
                columns = (case.asked[0], years[other])
                said = "; ".join(f"{column}: {values[column]}" for column in columns)
                lines.append(replace(line, statement=f"{line.label}, {said}"))
                continue
        lines.append(replace(line, statement="") if line.statement else line)
    if not other:
        return case
    bare = case.question.rstrip("?. ")
    question = rng.choice(
        [
            case.question.replace(year[0], f"{year[0]} and {other}", 1),
            f"{bare}, and in {other}?",
            f"{bare} compared with {other}?",
            f"{bare}? And {other}?",
        ]
    )
    return replace(case, question=question, lines=tuple(lines))


def _two_questions(first: Scored, second: Scored, rng: random.Random) -> Example:
    """Ask two questions at once; both are answered."""
    lines: list[tuple[Line, float]] = []
    for n, scored in enumerate((first, second)):
        best = sorted(zip(scored.case.lines, scored.scores, strict=True), key=lambda p: -p[1])
        gold = next(pair for pair in best if pair[0].statement)
        chosen = [gold, *[p for p in best if not p[0].statement][:3]]
        lines += [(replace(line, passage=2 * line.passage + n), s - 1) for line, s in chosen]
    shown = _ranked(lines, SHOWN_UNITS, rng)
    asked = [s.case.question.rstrip("?. ") for s in (first, second)]
    joined = rng.choice(["{0}, and {1}?", "{0}? {1}?", "{0}; also {1}", "{0} and {1}"])
    question = joined.format(asked[0], asked[1][:1].lower() + asked[1][1:])
    statements = [
        next(line.statement for line in scored.case.lines if line.statement)
        for scored in (first, second)
    ]
    by_statement = {s.line.statement: s for s in shown if s.line.statement}
    answer = " ".join(_cited(by_statement[said]) for said in statements if said in by_statement)
    content = builtin_content(question, _lines(shown))
    return _changed(Example(content, answer), first.case.origin, shown, rng)


def _written(
    question: str,
    shown: Sequence[_Shown],
    answer: str,
    gold: _Shown | None,
    forms: Forms,
    rng: random.Random,
) -> Example:
    """Put lines and question as the product does, now and then as other programs do."""
    roll = rng.random()
    if roll < 0.9 or not gold:
        return Example(builtin_content(question, _lines(shown)), answer)
    instruction = forms.system if roll < 0.96 else forms.instruction
    if gold and gold.line.cells and rng.random() < 0.3:
        instruction = f"{instruction}\n\n{FIGURES_ONLY}"
        answer = f"{gold.line.statement.rsplit(': ', 1)[-1]} [{gold.number}]"
    passages: dict[int, list[Line]] = {}
    for line in shown:
        passages.setdefault(line.number, []).append(line.line)
    body = [
        f"[{number}] ({lines[0].about.split('. ')[0]})\n" + "\n".join(x.words for x in lines)
        for number, lines in sorted(passages.items())
    ]
    parts = [instruction, "Passages:", *body, f"Question: {question}"]
    return Example("\n\n".join(parts), answer)


def _lines(shown: Sequence[_Shown]) -> list[str]:
    return [unit_line(s.number, s.score, s.line.about, s.line.words) for s in shown]


def _cited(shown: _Shown) -> str:
    said = shown.line.statement
    return f"{said.removesuffix('.')} [{shown.number}]."


def _changed(written: Example, origin: str, shown: Sequence[_Shown], rng: random.Random) -> Example:
    """Change figures, years and names alike everywhere, but for marks like [1] and scores."""
    often = _FINANCE if origin not in ("squad", "multirc", "prose") else _FINANCE / 2
    changes: list[Change] = []
    if origin != "invented":
        if rng.random() < often:
            changes.append(other_names(rng, [s.line.about for s in shown]))
        if rng.random() < often:
            changes.append(other_figures(rng))
        if rng.random() < often:
            changes.append(other_years(rng))
    content, answer = written.content, written.answer
    for change in changes:
        content, answer = change(content), change(answer)
    return Example(content, answer)
