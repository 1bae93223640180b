"""Put cases and what the skimmer said of their lines together, in one file to train on.

usage: python -m recipes.builtin_model.ranked pack TARGET.npz CASES.jsonl...
       python -m recipes.builtin_model.skim … (on a GPU)
       python -m recipes.builtin_model.ranked join LOGITS.npz TARGET.jsonl.xz CASES.jsonl...
"""

from __future__ import annotations

import json
import lzma
import math
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from recipes.builtin_model.examples import Scored
from recipes.builtin_model.lines import Case, Line, read_cases

KEPT = 14
"""How many of a case's lines are kept, the best ones and those that answer."""


def pack_cases(target: Path, files: list[Path]) -> None:
    """Tokenise every case for the skimmer."""
    from recipes.cross_encoder.pack import main as pack

    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as pools:
        for case in (case for file in files for case in read_cases(file)):
            units = [(line.words, line.context) for line in case.lines]
            gold = [n for n, line in enumerate(case.lines) if line.statement]
            values = {"origin": case.origin, "question": case.question, "units": units}
            pools.write(json.dumps(values | {"gold": gold}) + "\n")
        pools.flush()
        pack(target, [Path(pools.name)])


def join(logits: Path, target: Path, files: list[Path]) -> None:
    """Write each case's best lines with their log odds, strings that repeat once."""
    said = np.load(logits)["logits"].astype(np.float32)
    cases = [case for file in files for case in read_cases(file)]
    scores = [row[: len(case.lines)] for case, row in zip(cases, said, strict=True)]
    slope, bias = _calibrated(cases, scores)
    texts: dict[str, int] = {}
    with lzma.open(target, "wt", encoding="utf-8", preset=6) as out:
        for case, row in zip(cases, scores, strict=True):
            best = sorted(range(len(row)), key=lambda n: -row[n])
            gold = {n for n, line in enumerate(case.lines) if line.statement}
            kept = [n for at, n in enumerate(best) if at < KEPT or n in gold]
            lines = [asdict(case.lines[n]) | {"context": ""} for n in kept]
            for line in lines:
                for part in ("about", "words", "statement", "label"):
                    line[part] = texts.setdefault(line[part], len(texts))
            odds = [round(float(row[n]) * slope + bias, 2) for n in kept]
            fields = [case.origin, case.question, case.asked, odds]
            rows = [
                [line[k] for k in ("passage", "about", "words", "statement", "label", "cells")]
                for line in lines
            ]
            out.write(json.dumps([*fields, rows]) + "\n")
        out.write(json.dumps(list(texts)) + "\n")
    print(f"{len(cases)} cases, {len(texts)} texts, log odds = {slope:.2f} logit + {bias:.2f}")


def read_ranked(file: Path) -> list[Scored]:
    """Read what `join` wrote."""
    with lzma.open(file, "rt", encoding="utf-8") as stored:
        *rows, texts = [json.loads(line) for line in stored]
    scored = []
    for origin, question, asked, odds, lines in rows:
        kept = tuple(
            Line(
                p,
                texts[about],
                texts[words],
                "",
                texts[said],
                texts[label],
                tuple(map(tuple, cells)),
            )
            for p, about, words, said, label, cells in lines
        )
        read = dict(zip(kept, map(as_read, odds), strict=True))
        if origin in ("squad", "multirc"):
            read = _without_repeats(read)
        scored.append(
            Scored(Case(origin, question, tuple(read), tuple(asked)), tuple(read.values()))
        )
    return scored


def _without_repeats(read: dict[Line, float]) -> dict[Line, float]:
    """Keep of lines with the same words the one that answers, or the first."""
    by_words: dict[str, Line] = {}
    for line in sorted(read, key=lambda line: not line.statement):
        by_words.setdefault(line.words, line)
    kept = set(map(id, by_words.values()))
    return {line: score for line, score in read.items() if id(line) in kept}


def as_read(odds: float) -> float:
    """Bring the skimmer's log odds to where the product's scores lie, which never sink below .07."""
    return -2.6 + 7 / (1 + math.exp(-1.5 * (odds + 0.3)))


def _calibrated(cases: list[Case], scores: list[np.ndarray]) -> tuple[float, float]:
    """Fit log odds to logits by a few Newton steps; print how often the best line is right."""
    right: dict[str, list[bool]] = {}
    for case, row in zip(cases, scores, strict=True):
        if any(line.statement for line in case.lines):
            best = case.lines[int(np.argmax(row))]
            right.setdefault(case.origin, []).append(bool(best.statement))
    for origin, flags in sorted(right.items()):
        print(f"{origin}: best line right in {np.mean(flags):.3f} of {len(flags)}")
    x = np.concatenate(scores)
    y = np.array([bool(line.statement) for case in cases for line in case.lines], np.float64)
    design = np.column_stack([x, np.ones(len(x))]).astype(np.float64)
    weights = np.zeros(2)
    for _ in range(20):
        p = 1 / (1 + np.exp(-design @ weights))
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + 1e-6 * np.eye(2)
        weights += np.linalg.solve(hessian, design.T @ (y - p))
    return float(weights[0]), float(weights[1])


if __name__ == "__main__":
    if sys.argv[1] == "pack":
        pack_cases(Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
    else:
        join(Path(sys.argv[2]), Path(sys.argv[3]), [Path(name) for name in sys.argv[4:]])
