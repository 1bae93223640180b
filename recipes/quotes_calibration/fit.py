"""Fit the weights of `ragopt_tui.knowledge.scoring` and print the refusal trade-off.

usage: python recipes/quotes_calibration/fit.py tatqa_dataset_dev.json [VECTORS.npy]

A conditional logit: of a question's units and "refuse" (score 0) exactly one is right. Fitted on
the development questions and TAT-QA, which together weigh half each. Measured on development
questions left out in turn (fifths), then fitted on all.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np
import torch
from examples import Example, development_examples, tatqa_examples

from ragopt_tui.knowledge.embedder import load_embedder
from ragopt_tui.knowledge.question import understand
from ragopt_tui.knowledge.scoring import Parts, embedded_text, rarity_in, unit_parts
from ragopt_tui.knowledge.units import Unit

DEVELOPMENT_WEIGHT = 6.0
"""How often a development question counts for one of TAT-QA, which has six times as many."""
FOLDS = 5


def main(file: Path, cache: Path | None) -> None:
    root = Path(__file__).parent.parent.parent
    with tempfile.TemporaryDirectory() as home:
        os.environ["RAGOPT_HOME"] = home
        development = development_examples(root)
    examples = [*development, *tatqa_examples(file)]
    counts = [DEVELOPMENT_WEIGHT] * len(development) + [1.0] * (len(examples) - len(development))
    vectors = _vectors(examples, cache)
    parts = [_parts(example, vectors) for example in examples]
    everything = list(range(len(examples)))
    best: list[tuple[bool, bool, float]] = []
    for fold in range(FOLDS):
        left_out = list(range(fold, len(development), FOLDS))
        train = [i for i in everything if i not in set(left_out)]
        best += _tops(parts, examples, left_out, *_fit(parts, examples, train, counts))
    _trade_off(best)
    weights, bias = _fit(parts, examples, everything, counts)
    names = [f.name for f in fields(Parts)]
    print(f"bias={bias:.2f}", *(f"{n}={w:.2f}" for n, w in zip(names, weights, strict=True)))


def _vectors(examples: list[Example], cache: Path | None) -> dict[str, np.ndarray]:
    texts: dict[str, None] = {}
    for example in examples:
        texts[example.question] = None
        texts.update(dict.fromkeys(embedded_text(unit) for unit in example.units))
    if cache and cache.exists() and len(matrix := np.load(cache)) == len(texts):
        return dict(zip(texts, matrix, strict=True))
    matrix = load_embedder("builtin").embed(list(texts))
    if cache:
        np.save(cache, matrix)
    return dict(zip(texts, matrix, strict=True))


def _parts(example: Example, vectors: dict[str, np.ndarray]) -> torch.Tensor:
    companies = {unit.passage.profile.company for unit in example.units}
    question = understand(example.question, companies - {""})
    rarity = rarity_in(example.units)
    asked = vectors[example.question]

    def of(unit: Unit) -> tuple[float, ...]:
        cosine = float(vectors[embedded_text(unit)] @ asked)
        return astuple(unit_parts(question, unit, example.ranks[unit.passage.id], cosine, rarity))

    return torch.tensor([of(unit) for unit in example.units])


def _fit(
    parts: list[torch.Tensor], examples: list[Example], chosen: list[int], counts: list[float]
) -> tuple[np.ndarray, float]:
    weights = torch.zeros(parts[0].shape[1], requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=200)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        total = torch.zeros(())
        for i in chosen:
            scores = torch.cat([parts[i] @ weights + bias, torch.zeros(1)])
            right = (
                torch.logsumexp(scores[list(examples[i].gold)], 0)
                if examples[i].gold
                else scores[-1]
            )
            total = total + counts[i] * (torch.logsumexp(scores, 0) - right)
        value = total / sum(counts[i] for i in chosen) + 1e-3 * (weights**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return weights.detach().numpy(), float(bias.detach())


def _tops(
    parts: list[torch.Tensor],
    examples: list[Example],
    chosen: list[int],
    weights: np.ndarray,
    bias: float,
) -> list[tuple[bool, bool, float]]:
    """Give, for each example, whether it is answerable, its best unit right, and the score."""
    best = []
    for i in chosen:
        scores = parts[i].numpy() @ weights + bias
        top = int(scores.argmax())
        score = float(1 / (1 + np.exp(-scores[top])))
        best.append((bool(examples[i].gold), top in examples[i].gold, score))
    return best


def _trade_off(best: list[tuple[bool, bool, float]]) -> None:
    answerable = [b for b in best if b[0]]
    unanswerable = [b for b in best if not b[0]]
    right_first = np.mean([right for _, right, _ in answerable])
    print(f"right unit first: {right_first:.3f} of {len(answerable)}")
    print("threshold  answerable refused  unanswerable refused  right and shown")
    for threshold in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5):
        refused = np.mean([score < threshold for _, _, score in answerable])
        caught = np.mean([score < threshold for _, _, score in unanswerable])
        shown = np.mean([right and score >= threshold for _, right, score in answerable])
        print(f"{threshold:9.2f} {refused:19.3f} {caught:21.3f} {shown:16.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
