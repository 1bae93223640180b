"""Fit PROMISE, SKIMMED and READ of `ragopt_tui.knowledge.scoring` and print the refusal trade-off.

usage: python -m recipes.quotes_calibration.fit [FOLDER]

A conditional logit: of a question's units and "refuse" (score 0) exactly one is right. PROMISE
and SKIMMED, which only put units in order, are fitted without refusing. The examples are the development
questions over the sample documents and the folders that the cross-encoder was not trained on;
measured on one of those sets at a time, left out, then fitted on all. FOLDER keeps what
the cross-encoders said (many minutes on a CPU).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np
import torch

from ragopt_tui.knowledge.cross_encoder import READER, SKIMMER, CrossEncoder
from ragopt_tui.knowledge.reading import READ_UNITS
from ragopt_tui.knowledge.retrieve import SKIMMED_UNITS
from ragopt_tui.knowledge.scoring import PROMISE, Parts
from recipes.quotes_calibration.examples import Example, all_examples

SHRINK = 2e-3


def main(kept: Path | None) -> None:
    """Print weights and how they do on each set left out."""
    sets = {name: list(examples) for name, examples in all_examples().items()}
    print("rules:")
    _leave_one_out(sets, _parts, refuse=False)
    _print_weights("PROMISE", _fit(_joined(sets), _parts, refuse=False))

    skimmer = _Logits(SKIMMER, kept)
    skimmed = _kept(sets, lambda e: [PROMISE.score(p) for p in e.parts], SKIMMED_UNITS)
    print(f"the best {SKIMMED_UNITS} by rules, skimmed:")
    _leave_one_out(skimmed, skimmer.features, refuse=False)
    weights = _fit(_joined(skimmed), skimmer.features, refuse=False)
    _print_weights("SKIMMED", weights)

    reader = _Logits(READER, kept)
    read = _kept(skimmed, lambda e: list(skimmer.features(e) @ weights), READ_UNITS)
    print(f"the best {READ_UNITS} of those, read:")
    _leave_one_out(read, reader.features, refuse=True)
    _print_weights("READ", _fit(_joined(read), reader.features, refuse=True))


def _print_weights(title: str, weights: np.ndarray) -> None:
    names = [*(f.name for f in fields(Parts)), "of_reading", "bias"]
    print(title, *(f"{n}={w:.2f}" for n, w in zip(names, weights, strict=False)))


def _joined(sets: dict[str, list[Example]]) -> list[Example]:
    return [example for examples in sets.values() for example in examples]


def _kept(
    sets: dict[str, list[Example]], score: Callable[[Example], list[float]], count: int
) -> dict[str, list[Example]]:
    """Keep of each example the units with the highest scores, as the product does."""

    def best(example: Example) -> Example:
        scores = score(example)
        return example.keeping(sorted(range(len(scores)), key=lambda n: -scores[n])[:count])

    return {name: [best(e) for e in examples] for name, examples in sets.items()}


def _parts(example: Example) -> np.ndarray:
    return np.array([astuple(p) for p in example.parts]).reshape(len(example.parts), -1)


class _Logits:
    """What a cross-encoder says of examples' units, kept in a file."""

    def __init__(self, model: Path, kept: Path | None) -> None:
        self._folder = model
        self._model: CrossEncoder | None = None
        self._file = kept / f"{model.name}.jsonl" if kept else None
        known = self._file is not None and self._file.exists()
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file and known else []
        self._said: dict[str, dict[str, float]] = dict(json.loads(line) for line in lines)

    def features(self, example: Example) -> np.ndarray:
        """Give (units, parts + logit + 1)."""
        return np.column_stack([_parts(example), self._of(example), np.ones(len(example.units))])

    def _of(self, example: Example) -> list[float]:
        said = self._said.setdefault(example.question, {})
        names = [f"{unit.words}|{unit.context}" for unit in example.units]
        missing = [u for u, name in zip(example.units, names, strict=True) if name not in said]
        if missing:
            self._model = self._model or CrossEncoder(self._folder)
            logits = self._model.logits(example.question, missing)
            said |= {
                f"{u.words}|{u.context}": float(s) for u, s in zip(missing, logits, strict=True)
            }
            if self._file:
                with self._file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps([example.question, said]) + "\n")
        return [said[name] for name in names]


def _fit(
    examples: Sequence[Example], features: Callable[[Example], np.ndarray], *, refuse: bool
) -> np.ndarray:
    """Give the weights that make the right choices most probable."""
    used = [e for e in examples if e.gold or (refuse and not e.answerable)]
    tables = [torch.tensor(features(e), dtype=torch.float32) for e in used]
    spread = torch.cat(tables).std(0).clamp(min=1e-3)
    weights = torch.zeros(tables[0].shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=80, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        total = torch.zeros(())
        for example, table in zip(used, tables, strict=True):
            scores = table @ weights
            choices = torch.cat([scores, torch.zeros(1)]) if refuse else scores
            right = torch.logsumexp(scores[list(example.gold)], 0) if example.gold else choices[-1]
            total = total + torch.logsumexp(choices, 0) - right
        value = total / len(used) + SHRINK * ((weights * spread) ** 2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return weights.detach().numpy()


def _leave_one_out(
    sets: dict[str, list[Example]], features: Callable[[Example], np.ndarray], *, refuse: bool
) -> None:
    for left_out, examples in sets.items():
        weights = _fit(
            [e for name, s in sets.items() if name != left_out for e in s], features, refuse=refuse
        )
        scored = [(e, features(e) @ weights) for e in examples]
        answerable = [(e, s) for e, s in scored if e.answerable]
        ranks = np.array(
            [(s > max(s[list(e.gold)])).sum() if e.gold else 999 for e, s in answerable]
        )
        shares = " ".join(f"{k}: {np.mean(ranks < k):.3f}" for k in (1, 5, 8, 12, 16, 24, 48))
        print(f"  {left_out}, right unit among the first {shares} of {len(answerable)}")
        if refuse:
            _trade_off(scored)


def _trade_off(scored: Sequence[tuple[Example, np.ndarray]]) -> None:
    best = [
        (e.answerable, int(s.argmax()) in e.gold, float(1 / (1 + np.exp(-s.max()))))
        for e, s in scored
    ]
    answerable = [(right, score) for yes, right, score in best if yes]
    unanswerable = [score for yes, _, score in best if not yes]
    print(f"    right unit first: {np.mean([r for r, _ in answerable]):.3f} of {len(answerable)}")
    for threshold in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5):
        refused = np.mean([score < threshold for _, score in answerable])
        caught = np.mean([score < threshold for score in unanswerable])
        shown = np.mean([right and score >= threshold for right, score in answerable])
        print(
            f"    below {threshold:.2f}: answerable refused {refused:.3f},"
            f" unanswerable refused {caught:.3f}, right and shown {shown:.3f}"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
