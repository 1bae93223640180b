"""Generated answers beside quotes, both from the same evidence (`evidence.py`).

usage: python -m recipes.builtin_model.evaluate prompts PROMPTS.json EVIDENCE.jsonl...
       python -m recipes.builtin_model.evaluate judge ANSWERS.json EVIDENCE.jsonl... [--wrong N]

`right`: what is said first comes from a unit that answers, with that unit's citation. `cell`: of a
row, moreover, the value asked for is told apart from the row's others (in quotes, by bold type).
Intervals are 95 % of 2,000 bootstrap samples of the questions.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragopt_tui.chat.builtin_prompt import SHOWN_UNITS, builtin_content, unit_line
from ragopt_tui.chat.quotes import NEXT_BEST
from ragopt_tui.knowledge.question import understand, years_in
from recipes.builtin_model.evidence import Found, read_found
from recipes.builtin_model.lines import Line, words_shown

PASSAGES = 6
THRESHOLD = 0.55
REFUSAL = "The documents do not say."
_CITED = re.compile(r"\s*\[(\d+)\]")
_WORD = re.compile(r"\w+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an answer did."""

    refused: bool
    right: bool
    cell: bool


def prompt_of(found: Found) -> str:
    """Give the user's turn that the product would make of the evidence."""
    question = found.case.question
    lines = [
        unit_line(line.passage, score, line.about, words_shown(line, question))
        for line, score in zip(found.case.lines, found.scores, strict=True)
        if line.passage <= PASSAGES and score >= NEXT_BEST * found.scores[0]
    ]
    return builtin_content(question, lines[:SHOWN_UNITS])


def generated(found: Found, answer: str) -> Verdict:
    """Judge a generated answer."""
    if answer.startswith(REFUSAL[:-1]) or not answer:
        return Verdict(True, False, False)
    numbers = {int(n) for n in _CITED.findall(answer)}
    said = _CITED.sub("", answer)
    gold = [found.case.lines[n] for n in found.gold if found.case.lines[n].passage in numbers]
    right = any(_says(said, line) for line in gold)
    return Verdict(False, right, right and any(_says_cell(said, line) for line in gold))


def quoted(found: Found) -> Verdict:
    """Judge what the quotes mode shows first."""
    if not found.scores or found.scores[0] < THRESHOLD:
        return Verdict(True, False, False)
    first = found.case.lines[0]
    right = 0 in found.gold
    if not first.cells or not right:
        return Verdict(False, right, right)
    years = understand(found.case.question).years
    bold = [value for column, value in first.cells if years & years_in(column)]
    shown = bold or [value for _, value in first.cells]
    is_cell = len(shown) == 1 and (not first.statement or first.statement.endswith(shown[0]))
    return Verdict(False, True, is_cell)


def _says(said: str, line: Line) -> bool:
    if line.cells:
        values = [value for _, value in line.cells if _holds(said, value)]
        return bool(values) and _says_cell(said, line)
    words, told = _words(line.words), _words(said)
    return sum((words & told).values()) >= 0.8 * min(words.total(), max(told.total(), 4))


def _says_cell(said: str, line: Line) -> bool:
    if not line.cells or not line.statement:
        return True
    return _holds(said, line.statement.rsplit(": ", 1)[-1])


def _holds(said: str, value: str) -> bool:
    return bool(re.search(rf"(?<![\d.,]){re.escape(value)}(?!\d|[.,]\d)", said))


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.lower()))


def report(name: str, found: Sequence[Found], answers: Sequence[str], wrong: int) -> None:
    """Print both ways of answering side by side, with the interval of their difference."""
    ours = [generated(f, a) for f, a in zip(found, answers, strict=True)]
    quotes = [quoted(f) for f in found]
    yes = [n for n, f in enumerate(found) if f.answerable]
    no = [n for n, f in enumerate(found) if not f.answerable]
    table = [n for n in yes if found[n].gold and found[n].case.lines[found[n].gold[0]].cells]
    missed = [n for n in yes if found[n].gold and 0 not in found[n].gold]
    print(f"{name}: {len(yes)} answerable, {len(no)} unanswerable")
    for title, chosen in (("all", yes), ("tables", table), ("best unit wrong", missed)):
        for measure in ("right", "cell"):
            both = [(getattr(ours[n], measure), getattr(quotes[n], measure)) for n in chosen]
            if both and (title == "all" or measure == "cell" or title.startswith("best")):
                print(f"  {title:16} {measure:5} {_compared(both)}")
    for title, chosen in (("answerable refused", yes), ("unanswerable refused", no)):
        if chosen:
            shares = [sum(v[n].refused for n in chosen) / len(chosen) for v in (ours, quotes)]
            print(f"  {title:22} generated {shares[0]:.3f} quotes {shares[1]:.3f}")
    for n in [n for n in yes if not ours[n].cell][:wrong]:
        gold = [found[n].case.lines[g] for g in found[n].gold]
        print(f"    ? {found[n].case.question}\n      {answers[n]}")
        print(
            f"      want {[(g.passage, g.statement or g.words[:90]) for g in gold][:3]}, first right {0 in found[n].gold}"
        )


def _compared(both: Sequence[tuple[bool, bool]]) -> str:
    rng = random.Random(0)
    differences = sorted(
        sum(a - b for a, b in rng.choices(both, k=len(both))) / len(both) for _ in range(2_000)
    )
    ours, quotes = (sum(column) / len(both) for column in zip(*both, strict=True))
    low, high = differences[50], differences[-50]
    return f"generated {ours:.3f} quotes {quotes:.3f} difference [{low:+.3f}, {high:+.3f}] of {len(both)}"


def main() -> None:
    """Do one step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["prompts", "judge"])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--wrong", type=int, default=0)
    options = parser.parse_args()
    first, *rest = options.files
    if options.step == "prompts":
        prompts = {file.stem: [prompt_of(f) for f in read_found(file)] for file in rest}
        first.write_text(json.dumps(prompts), encoding="utf-8")
    else:
        answers = json.loads(first.read_text(encoding="utf-8"))
        for file in rest:
            report(file.stem, read_found(file), answers[file.stem], options.wrong)


if __name__ == "__main__":
    main()
