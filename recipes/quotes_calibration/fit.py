"""Fit the weights of `ragopt_tui.knowledge.scoring` and print the refusal trade-off.

usage: python recipes/quotes_calibration/fit.py tatqa_dataset_dev.json [VECTORS.npy]

A conditional logit: of a question's units and "refuse" (score 0) exactly one is right. Fitted on
one half of the documents and measured on the other, both ways round, then fitted on all. The
weight of `company` cannot be learnt here, as the questions name none: it is set by hand.
"""

from __future__ import annotations

import sys
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np
import torch
from examples import Example, load_examples

from ragopt_tui.knowledge.embedder import load_embedder
from ragopt_tui.knowledge.question import understand
from ragopt_tui.knowledge.scoring import Parts, embedded_text, rarity_in, unit_parts
from ragopt_tui.knowledge.units import Unit

COMPANY_WEIGHT = 3.0


def main(file: Path, cache: Path | None) -> None:
    examples = load_examples(file)
    vectors = _vectors(examples, cache)
    parts = [_parts(example, vectors) for example in examples]
    half = len(examples) // 2
    everything = list(range(len(examples)))
    for train, test in (
        (everything[:half], everything[half:]),
        (everything[half:], everything[:half]),
    ):
        weights, bias = _fit(parts, examples, train)
        _trade_off(parts, examples, test, weights, bias)
    weights, bias = _fit(parts, examples, everything)
    names = [f.name for f in fields(Parts)]
    weights[names.index("company")] = COMPANY_WEIGHT
    print(
        f"bias={bias - COMPANY_WEIGHT:.2f}",
        *(f"{n}={w:.2f}" for n, w in zip(names, weights, strict=True)),
    )


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
    question = understand(example.question)
    rarity = rarity_in(example.units)
    asked = vectors[example.question]

    def of(unit: Unit) -> tuple[float, ...]:
        cosine = float(vectors[embedded_text(unit)] @ asked)
        return astuple(unit_parts(question, unit, cosine, rarity))

    return torch.tensor([of(unit) for unit in example.units])


def _fit(
    parts: list[torch.Tensor], examples: list[Example], chosen: list[int]
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
            total = total + torch.logsumexp(scores, 0) - right
        value = total / len(chosen) + 1e-3 * (weights**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return weights.detach().numpy(), float(bias.detach())


def _trade_off(
    parts: list[torch.Tensor],
    examples: list[Example],
    chosen: list[int],
    weights: np.ndarray,
    bias: float,
) -> None:
    best = []
    for i in chosen:
        scores = parts[i].numpy() @ weights + bias
        top = int(scores.argmax())
        best.append(
            (bool(examples[i].gold), top in examples[i].gold, 1 / (1 + np.exp(-scores[top])))
        )
    answerable = [b for b in best if b[0]]
    unanswerable = [b for b in best if not b[0]]
    print(
        f"right unit first: {np.mean([right for _, right, _ in answerable]):.3f} of {len(answerable)}"
    )
    print("threshold  answerable refused  unanswerable refused  right and shown")
    for threshold in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5):
        refused = np.mean([score < threshold for _, _, score in answerable])
        caught = np.mean([score < threshold for _, _, score in unanswerable])
        shown = np.mean([right and score >= threshold for _, right, score in answerable])
        print(f"{threshold:9.2f} {refused:19.3f} {caught:21.3f} {shown:16.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
