"""Answers of an adapter, and of what is shipped from it, to the same questions.

    python -m benchmarks.shipped_quality [QUESTIONS]

A LoRA adapter with a trained head is trained on the built-in model as `benchmarks.finetuning` does.
The live adapter, the merged model, Q8_0 and Q4_K_M then answer the sample questions (all 60, or the
first QUESTIONS) over the sample documents. Printed are the shares of right answers, and the
differences from the live adapter with the interval that holds 95 % of 10,000 resamples of the
questions: noise, where it holds 0.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.finance_set import ROOT, import_questions, train
from benchmarks.home import use_home
from benchmarks.questions import GoldQuestion, judge, load_questions, share

DOCS = ROOT / "sample_docs"
_RESAMPLES = 10_000


def main(arguments: list[str]) -> None:
    """Train, ship and ask in a home of their own."""
    asked = load_questions(ROOT / "tests" / "questions" / "sample")
    asked = asked[: int(arguments[0])] if arguments else asked
    with tempfile.TemporaryDirectory(prefix="shipped-") as home:
        use_home(Path(home))
        live, took = train("cpu-demo", import_questions(1), 1, modules_to_save=("lm_head",))
        print(f"trained in {took:.0f} s", flush=True)
        _index()
        report({name: answers(id, asked) for name, id in shipped(live, Path(home)).items()})


def _index() -> None:
    from ragopt_tui.knowledge.sync import synchronise

    synchronise(DOCS, "builtin", lambda _: None)


def shipped(live: str, home: Path) -> dict[str, str]:
    """Ship an adapter of the library; gives the ids of its forms by name."""
    from ragopt_tui.conversion.ship import ship
    from ragopt_tui.conversion.steps import Workshop, merged
    from ragopt_tui.jobs.events import Reporter
    from ragopt_tui.models.store import VariantStore
    from ragopt_tui.settings import Settings, folders

    store = VariantStore(folders().models)
    shop = Workshop(store, folders(), Settings(), Reporter(home / "events.jsonl"))
    ids = {"live adapter": live}
    for to in ("Q8_0", "Q4_K_M"):
        ids[to] = ship(shop, live, to, keep=True).variant.id
    ids["merged"] = merged(shop, [(live, 1.0)]).variant.id
    return ids


def answers(variant: str, questions: Sequence[GoldQuestion]) -> list[bool]:
    """Give for each question whether a variant answered it right."""
    from ragopt_tui.chat.assistant import Assistant
    from ragopt_tui.settings import Settings

    assistant = Assistant(DOCS, Settings())
    try:
        given = [
            judge(q, assistant.ask(q.question, variant, 6, lambda *_: None, lambda: False))
            for q in questions
        ]
    finally:
        assistant.close()
    return [
        verdict.right if question.answerable else verdict.refused
        for question, verdict in zip(questions, given, strict=True)
    ]


def report(right: dict[str, list[bool]]) -> None:
    """Print the shares and the intervals of the differences."""
    live = np.array(right["live adapter"], dtype=float)
    chosen = np.random.default_rng(7).integers(0, len(live), (_RESAMPLES, len(live)))
    for name, verdicts in right.items():
        differences = np.array(verdicts, dtype=float) - live
        low, high = np.percentile(differences[chosen].mean(1) * 100, [2.5, 97.5])
        same = share([a == b for a, b in zip(verdicts, right["live adapter"], strict=True)])
        print(
            f"{name:<13} right {share(verdicts)}; difference {100 * differences.mean():+.1f} "
            f"points [{low:+.1f}, {high:+.1f}]; same verdict {same}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
