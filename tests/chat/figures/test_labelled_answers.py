"""Verification on the labelled answers of answers.jsonl, whose format benchmarks/figures.py tells."""

from __future__ import annotations

import pytest

from benchmarks.figures import (
    ALARMS,
    Checked,
    LabelledAnswer,
    check,
    load_answers,
    precision_and_recall,
)
from ragopt_tui.chat.figures.verify import verify_figures

ANSWERS = load_answers()


@pytest.fixture(scope="module")
def checked() -> list[Checked]:
    return [figure for answer in ANSWERS for figure in check(answer)]


def test_there_are_enough_answers_of_each_kind() -> None:
    kinds = [answer.kind for answer in ANSWERS]
    assert len(kinds) >= 150
    wrong = ("wrong digit", "wrong scale", "wrong sign", "wrong year", "computed", "unsupported")
    assert all(kinds.count(kind) >= 20 for kind in ("right", *wrong))


def test_alarms_are_precise_and_complete(checked: list[Checked]) -> None:
    precision, recall = precision_and_recall(checked)
    assert precision >= 0.98
    assert recall >= 0.98


def test_wrong_answers_raise_an_alarm_and_right_ones_none() -> None:
    def alarmed(answer: LabelledAnswer) -> bool:
        verified = verify_figures(answer.text, answer.evidence, answer.question)
        return any(figure.status in ALARMS for figure in verified.figures)

    verdicts = [(a.kind in ("right", "computed"), alarmed(a)) for a in ANSWERS]
    right = sum(is_right != has_alarm for is_right, has_alarm in verdicts)
    assert right >= 0.98 * len(verdicts)


def test_figures_are_told_found_computed_elsewhere_or_not_found(checked: list[Checked]) -> None:
    right = sum(figure.label == figure.said for figure in checked)
    assert right >= 0.98 * len(checked)


@pytest.mark.parametrize("answer", [a for a in ANSWERS if a.formulas], ids=lambda a: a.text[:40])
def test_computed_figures_show_their_formula(answer: LabelledAnswer) -> None:
    verified = verify_figures(answer.text, answer.evidence, answer.question)
    assert tuple(f.formula for f in verified.figures if f.formula) == answer.formulas
