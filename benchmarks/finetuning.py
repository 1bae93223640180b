"""Adapters of the built-in model against the model itself, on finance questions not trained on.

    python -m benchmarks.finetuning [cpu-demo] [cpu-demo-qlora] [--seeds N]

For each preset and seed the questions of recipes/finance_questions are split anew (all years of a
company's row on one side), an adapter is trained as a job, and both answer the test part. Printed
are token F1 and the share of answers whose figure is the wanted one in value, scale, unit and sign,
with mean and spread over the seeds, and what training took.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks.finance_set import (
    answers,
    import_questions,
    same_figure,
    test_examples,
    token_f1,
    train,
)
from benchmarks.home import use_home


def main() -> None:
    """Train and compare in a home of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="*", default=["cpu-demo", "cpu-demo-qlora"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--verbose", action="store_true", help="print some answers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="finetuning-") as home:
        use_home(Path(home))
        for preset in options.presets:
            compare(preset, range(1, options.seeds + 1), options.verbose)


def compare(preset: str, seeds: range, verbose: bool) -> None:
    """Print the scores of the base and of the adapters of a preset, a line for each seed."""
    rows: list[tuple[float, ...]] = []
    for seed in seeds:
        data = import_questions(seed)
        examples = test_examples(data)
        adapter, took = train(preset, data, seed)
        scores: list[float] = []
        for variant in ("builtin", adapter):
            said = answers(variant, examples)
            pairs = [(text, each.answer) for text, each in zip(said, examples, strict=True)]
            scores.append(statistics.mean(token_f1(*pair) for pair in pairs))
            scores.append(statistics.mean(same_figure(*pair) for pair in pairs))
            if verbose:
                for (text, wanted), each in list(zip(pairs, examples, strict=True))[:8]:
                    print(f"   {variant[:8]} {each.question} -> {text!r}, wanted {wanted!r}")
        rows.append((*scores, took))
        print(
            f"{preset} seed {seed}: {len(examples)} rows; F1 {scores[0]:.3f} -> {scores[2]:.3f}, "
            f"figure {scores[1]:.3f} -> {scores[3]:.3f}; trained in {took:.0f} s",
            flush=True,
        )
    names = ("base F1", "base figure", "adapter F1", "adapter figure", "seconds")
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        spread = statistics.stdev(column) if len(column) > 1 else 0.0
        print(f"  {name:<15}{statistics.mean(column):8.3f}  ± {spread:.3f}")


if __name__ == "__main__":
    main()
