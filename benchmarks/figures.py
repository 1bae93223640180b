"""Verification of figures on labelled answers: precision and recall by kind of answer.

usage: python -m benchmarks.figures [--verbose]

An answer's figures are labelled in its text: {ok:…} stands in what its sentence cites, {calc:…}
follows from it, {else:…} stands in another passage, {no:…} nowhere. What verification reports as
found elsewhere or not found is an alarm; precision is the share of alarms that are right, recall
the share of {else:…} and {no:…} that raise one.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.chat.answer import FigureStatus
from ragopt_tui.chat.figures.verify import verify_figures
from ragopt_tui.knowledge.passage import Hit, Passage, Profile

FOLDER = Path(__file__).parent.parent / "tests" / "chat" / "figures"
_LABELLED = re.compile(r"\{(ok|calc|else|no):([^}]*)\}")
_STATUS: dict[str, FigureStatus] = {
    "ok": "found",
    "calc": "computed",
    "else": "found elsewhere",
    "no": "not found",
}
ALARMS: frozenset[FigureStatus] = frozenset({"found elsewhere", "not found"})


@dataclass(frozen=True, slots=True)
class LabelledAnswer:
    """An answer with the right status of each figure by where it begins, and right formulas."""

    kind: str
    question: str
    evidence: tuple[Hit, ...]
    text: str
    labels: dict[int, tuple[str, FigureStatus]]
    formulas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """A labelled figure, what verification said of it, and whether it saw it as one at all."""

    answer: LabelledAnswer
    text: str
    label: FigureStatus
    said: FigureStatus | None


def load_answers(folder: Path = FOLDER) -> list[LabelledAnswer]:
    """Read the labelled answers and the passages that they cite."""
    passages = {line["name"]: _passage(line) for line in _lines(folder / "passages.jsonl")}
    return [_answer(line, passages) for line in _lines(folder / "answers.jsonl")]


def check(answer: LabelledAnswer) -> list[Checked]:
    """Verify one answer and give its labelled figures, and those found that have no label."""
    verified = verify_figures(answer.text, answer.evidence, answer.question)
    said = {figure.start: figure for figure in verified.figures}
    checked = []
    for start, (text, label) in answer.labels.items():
        figure = said.pop(start, None)
        status = figure.status if figure and figure.text == text else None
        checked.append(Checked(answer, text, label, status))
    return checked + [Checked(answer, f.text, "found", None) for f in said.values()]


def precision_and_recall(checked: Iterable[Checked]) -> tuple[float, float]:
    """Give the precision and recall of alarms; 1 where there is none to judge."""
    pairs = [(figure.label in ALARMS, figure.said in ALARMS) for figure in checked]
    right = sum(label and said for label, said in pairs)
    alarms = sum(said for _, said in pairs)
    wrong = sum(label for label, _ in pairs)
    return right / alarms if alarms else 1.0, right / wrong if wrong else 1.0


def main() -> None:
    """Print precision and recall by kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verbose", action="store_true", help="print each wrong verdict")
    options = parser.parse_args()
    answers = load_answers()
    started = time.perf_counter()
    by_kind: defaultdict[str, list[Checked]] = defaultdict(list)
    for answer in answers:
        by_kind[answer.kind] += check(answer)
    milliseconds = 1000 * (time.perf_counter() - started) / len(answers)
    print(f"{len(answers)} answers, {milliseconds:.1f} ms each")
    for kind, checked in by_kind.items():
        _report(kind, checked)
    everything = [figure for checked in by_kind.values() for figure in checked]
    _report("all", everything)
    if options.verbose:
        _print_wrong(everything)


def _report(kind: str, checked: Sequence[Checked]) -> None:
    precision, recall = precision_and_recall(checked)
    exact = sum(figure.label == figure.said for figure in checked) / len(checked)
    print(
        f"{kind:12} {len(checked):4} figures  precision {precision:.3f}  recall {recall:.3f}"
        f"  exact status {exact:.3f}"
    )


def _print_wrong(checked: Iterable[Checked]) -> None:
    for figure in checked:
        if figure.label != figure.said:
            print(f"{figure.answer.kind}: {figure.text!r} is {figure.label}, said {figure.said}")
            print(f"    {figure.answer.text}")


def _lines(file: Path) -> list[dict[str, Any]]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def _passage(line: dict[str, Any]) -> Passage:
    text = line["text"]
    return Passage(
        id=line["name"],
        file=line["file"],
        page=None,
        line_start=1,
        line_end=1 + text.count("\n"),
        char_start=0,
        char_end=len(text),
        kind=line["kind"],
        headings=tuple(line["headings"]),
        lead=line["lead"],
        text=text,
        profile=Profile(**line["profile"]),
    )


def _answer(line: dict[str, Any], passages: dict[str, Passage]) -> LabelledAnswer:
    pieces: list[str] = []
    labels: dict[int, tuple[str, FigureStatus]] = {}
    at = length = 0
    for match in _LABELLED.finditer(line["answer"]):
        before = line["answer"][at : match.start()]
        labels[length + len(before)] = match[2], _STATUS[match[1]]
        pieces += [before, match[2]]
        length += len(before) + len(match[2])
        at = match.end()
    pieces.append(line["answer"][at:])
    return LabelledAnswer(
        kind=line["kind"],
        question=line["question"],
        evidence=tuple(Hit(passages[name], 1.0) for name in line["evidence"]),
        text="".join(pieces),
        labels=labels,
        formulas=tuple(line.get("formulas", ())),
    )


if __name__ == "__main__":
    main()
