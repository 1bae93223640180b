"""Examples: what the model reads and what it should write, from a case and a profile of scores."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragopt_tui.chat.builtin_prompt import builtin_content, unit_line
from ragopt_tui.chat.builtin_rows import said_of_row
from recipes.builtin_model.lines import Case, Line, words_shown
from recipes.builtin_model.profiles import MOST_LINES, Profile
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
LATER = 0.15
"""How often the line that answers an endless case is, beyond the profiles' share, not the first."""
ANSWERED_FROM, QUOTED_FROM = -0.2, 0.2
"""Log odds: below the first nothing is answered, from the second on quotes answer."""
SILENT = 0.16
"""How often the lines that answer are taken away."""
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_FINANCE = 0.75
"""How often a case about finance has its figures, years and names changed; others half as often."""


class Profiles:
    """Profiles by whether a shown line answers, and whether it is the first.

    Where a few thousand questions come again and again, a model learns by heart what the scores do
    not tell it, and then distrusts them with questions that it does not know. So the scores tell
    whether to answer, and of a case that comes again the first line answers; of an endless one now
    and then another does, where the first has another year, company or segment.
    """

    def __init__(self, profiles: Sequence[Profile]) -> None:
        answered = [p for p in profiles if p.gold and p.scores[0] > ANSWERED_FROM]
        self._first = [p for p in answered if p.gold[0] == 0]
        self._later = [p for p in answered if p.gold[0] > 0]
        self._later += [replace(p, gold=p.gold[1:]) for p in self._first if len(p.gold) > 1]
        self._silent = [p for p in profiles if not p.gold and p.scores[0] < QUOTED_FROM]

    def drawn(self, case: Case, rng: random.Random) -> Profile:
        """Give a profile for a case."""
        if not _answerable(case):
            return rng.choice(self._silent)
        is_later = case.origin in ENDLESS and rng.random() < LATER
        return rng.choice(self._later if is_later else self._first)


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
    words: str
    score: float
    number: int


def example(
    case: Case, mate: Case | None, profiles: Profiles, forms: Forms, rng: random.Random
) -> Example | None:
    """Make an example; of `mate`, a case over the same documents, the question may be asked too.

    None where the row that answers is shown without the column that answers.
    """
    if rng.random() < SILENT:
        case = replace(case, lines=tuple(line for line in case.lines if not line.statement))
    elif rng.random() < 0.1:
        case = _over_two_columns(case, rng)
    elif rng.random() < 0.08 and mate and _answerable(case) and _answerable(mate):
        return _two_questions(case, mate, rng)
    if not case.lines:
        return None
    question = asked_otherwise(case.question, rng)
    if case.origin not in ENDLESS and rng.random() < 0.4 and not _open_columns(case, question):
        question = unreadable(question, rng)
    shown = _read(case, question, profiles.drawn(case, rng), rng)
    gold = next((s for s in shown if s.line.statement), None)
    if gold and gold.line.cells and _values(gold.line) not in gold.words:
        return None
    answer = _cited(gold) if gold else REFUSAL
    return _changed(_written(question, shown, answer, gold, forms, rng), case.origin, shown, rng)


def _read(case: Case, question: str, profile: Profile, rng: random.Random) -> list[_Shown]:
    """Put lines where a profile's lines stood that answered, or did not, with its scores."""
    right = [line for line in case.lines if line.statement]
    spread = 0.7 if case.origin in ENDLESS else 4.0
    others = [line for line in case.lines if not line.statement]
    place = {id(line): n + rng.gauss(0, spread) for n, line in enumerate(others)}
    others.sort(key=lambda line: place[id(line)])
    scores = profile.shaken(rng)[: _how_many(rng) if not right else MOST_LINES]
    lines: list[Line] = []
    for n in range(len(scores)):
        if right and (n in profile.gold or not others):
            lines.append(right.pop(0))
        elif others:
            lines.append(others.pop(0))
    least = 1 + max((n for n, line in enumerate(lines) if line.statement), default=1)
    lines = lines[: max(least, _how_many(rng))]
    return _numbered(
        [(x, words_shown(x, question), s) for x, s in zip(lines, scores, strict=False)], rng
    )


def _open_columns(case: Case, question: str) -> bool:
    """Say whether the row that answers is shown with columns that do not answer."""
    gold = next((line for line in case.lines if line.statement), None)
    return bool(gold and gold.cells) and words_shown(gold, question) != gold.statement


def _values(line: Line) -> str:
    return line.statement.removeprefix(f"{line.label}, ")


def _answerable(case: Case) -> bool:
    return any(line.statement for line in case.lines)


def _how_many(rng: random.Random) -> int:
    return MOST_LINES if rng.random() < 0.6 else rng.randint(2, MOST_LINES)


def _numbered(lines: Sequence[tuple[Line, str, float]], rng: random.Random) -> list[_Shown]:
    """Number passages as they come, as the product does, now and then otherwise."""
    numbers: dict[int, int] = {}
    for line, _, _ in lines:
        numbers.setdefault(line.passage, len(numbers) + 1)
    if rng.random() < 0.1:
        values = rng.sample(range(1, len(numbers) + 3), len(numbers))
        numbers = dict(zip(numbers, values, strict=True))
    return [_Shown(line, words, score, numbers[line.passage]) for line, words, score in lines]


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
                said = [cell for cell in line.cells if cell[0] in columns]
                lines.append(replace(line, statement=said_of_row(line.label, said)))
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


def _two_questions(first: Case, second: Case, rng: random.Random) -> Example | None:
    """Ask two questions at once; both are answered."""
    asked = [case.question.rstrip("?. ") for case in (first, second)]
    joined = rng.choice(["{0}, and {1}?", "{0}? {1}?", "{0}; also {1}", "{0} and {1}"])
    question = joined.format(asked[0], asked[1][:1].lower() + asked[1][1:])
    lines: list[tuple[Line, str, float]] = []
    statements = []
    for n, case in enumerate((first, second)):
        right = next(line for line in case.lines if line.statement)
        others = [line for line in case.lines if not line.statement][:3]
        statements.append(right.statement)
        for line in (right, *others):
            score = rng.uniform(0.6, 0.99) if line is right else rng.uniform(0.03, 0.4)
            moved = replace(line, passage=2 * line.passage + n)
            lines.append((moved, words_shown(line, question), score))
    shown = _numbered(sorted(lines, key=lambda each: -each[2]), rng)
    by_statement = {s.line.statement: s for s in shown if s.line.statement}
    gold = [by_statement[said] for said in statements]
    if any(each.line.cells and _values(each.line) not in each.words for each in gold):
        return None
    content = builtin_content(question, _lines(shown))
    return _changed(Example(content, " ".join(map(_cited, gold))), first.origin, shown, rng)


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
    passages: dict[int, list[_Shown]] = {}
    for line in shown:
        passages.setdefault(line.number, []).append(line)
    body = [
        f"[{number}] ({lines[0].line.about.split('. ')[0]})\n" + "\n".join(x.words for x in lines)
        for number, lines in sorted(passages.items())
    ]
    parts = [instruction, "Passages:", *body, f"Question: {question}"]
    return Example("\n\n".join(parts), answer)


def _lines(shown: Sequence[_Shown]) -> list[str]:
    return [unit_line(s.number, s.score, s.line.about, s.words) for s in shown]


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
