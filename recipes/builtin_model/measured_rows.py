"""Rows of questions that nothing is trained on, to watch while training.

usage: python -m recipes.builtin_model.measured_rows TOKENIZER.model EVIDENCE.jsonl ROWS.npy
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from recipes.builtin_model.evaluate import PASSAGES, REFUSAL, prompt_of
from recipes.builtin_model.evidence import Found, read_found
from recipes.builtin_model.examples import Example
from recipes.builtin_model.lines import Line, words_shown
from recipes.builtin_model.rows import LENGTH, ROW, Tokens


def measured(found: Found) -> Example | None:
    """Give the prompt and the wanted answer; None where it is not certain."""
    question, prompt = found.case.question, prompt_of(found)
    lines = [found.case.lines[n] for n in found.gold]
    words = [(line, words_shown(line, question)) for line in lines]
    shown = [(x, said) for x, said in words if x.passage <= PASSAGES and f"| {said}\n" in prompt]
    certain = [x for x, said in shown if x.statement and (not x.cells or _values(x) in said)]
    if shown and not certain:
        return None
    answer = REFUSAL
    if certain:
        answer = f"{certain[0].statement.removesuffix('.')} [{certain[0].passage}]."
    return Example(prompt, answer)


def _values(line: Line) -> str:
    return line.statement.removeprefix(f"{line.label}, ")


if __name__ == "__main__":
    tokens = Tokens(Path(sys.argv[1]))
    made = [measured(found) for found in read_found(Path(sys.argv[2]))]
    rows = [row for row in (tokens.of_example(one) for one in made if one) if row is not None]
    out = np.zeros((len(rows), LENGTH), ROW)
    for target, row in zip(out, rows, strict=True):
        target[: len(row)] = row
        target["document"][: len(row)] = 1
    np.save(sys.argv[3], out)
