"""Answers of an adapter, and of what is shipped from it, to the same questions.

    python -m benchmarks.shipped_quality [QUESTIONS]

A LoRA adapter with a trained head is trained on the built-in model with 60 questions of
tests/questions/development, in a minute or two. The live adapter, the merged model, Q8_0 and Q4_K_M
then answer the sample questions (all 60, or the first QUESTIONS). Printed are the shares of right
answers, and the differences from the live adapter with the interval that holds 95 % of 10,000
resamples of the questions: noise, where it holds 0.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.questions import GoldQuestion, judge, load_questions, share

if TYPE_CHECKING:
    from ragopt_tui.knowledge.passage import Hit

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "sample_docs"
_ROWS, _EPOCHS, _BATCH, _RATE = 60, 3, 4, 5e-4
_LONGEST = 1024
_RESAMPLES = 10_000


def main(arguments: list[str]) -> None:
    """Train, ship and ask in a home of their own."""
    asked = load_questions(ROOT / "tests" / "questions" / "sample")
    asked = asked[: int(arguments[0])] if arguments else asked
    with tempfile.TemporaryDirectory(prefix="shipped-") as home:
        _use_home(Path(home))
        adapter = Path(home) / "adapter"
        train(adapter, _rows())
        right = {name: answers(id, asked) for name, id in shipped(adapter, Path(home)).items()}
    report(right)


def _use_home(home: Path) -> None:
    """Work in `home`, with the converter that the set-up fetched."""
    from ragopt_tui.conversion.converter import converter_folder
    from ragopt_tui.settings import folders

    kept = converter_folder(folders().data)
    os.environ |= {"RAGOPT_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    here = converter_folder(folders().data)
    here.parent.mkdir(parents=True)
    here.symlink_to(kept)


def _rows() -> list[tuple[str, list[Hit], str]]:
    """Give questions, each with the passage that answers it, another one, and the answer."""
    from ragopt_tui.knowledge.index import Index
    from ragopt_tui.knowledge.location import IndexLocation
    from ragopt_tui.knowledge.passage import Hit
    from ragopt_tui.knowledge.sync import synchronise

    synchronise(DOCS, "builtin", lambda _: None)
    index = Index.open(IndexLocation.of(DOCS))
    passages = [p for file in sorted(DOCS.iterdir()) for p in index.passages_of(file.name)]
    pick = random.Random(7)  # noqa: S311 - not for secrets
    rows = []
    for question in load_questions(ROOT / "tests" / "questions" / "development"):
        gold = next((p for p in passages if question.holds_gold(p)), None)
        if gold is not None:
            shown = [gold, pick.choice(passages)]
            pick.shuffle(shown)
            said = f"It was {question.answers[0]} [{shown.index(gold) + 1}]."
            rows.append((question.question, [Hit(p, 0.0) for p in shown], said))
    return rows[:_ROWS]


def train(folder: Path, rows: Sequence[tuple[str, list[Hit], str]]) -> None:
    """Train a LoRA adapter and the head of the built-in model on the answers alone."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from ragopt_tui.chat.prompt import build_prompt
    from ragopt_tui.models.store import VariantStore
    from ragopt_tui.settings import folders

    torch.manual_seed(7)
    base = str(VariantStore(folders().models).record("builtin").variant.path)
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    config = LoraConfig(
        r=16,
        lora_alpha=32,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
        modules_to_save=["lm_head"],
        task_type="CAUSAL_LM",
    )
    model: Any = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config
    )
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=_RATE)
    for _ in range(_EPOCHS):
        for number, (question, hits, said) in enumerate(rows, 1):
            prompt = build_prompt(
                question, hits, builtin=False, room=_LONGEST,
                count_tokens=lambda text: len(tokenizer(text)["input_ids"]),
            )  # fmt: skip
            before: list[int] = tokenizer.apply_chat_template(
                prompt.messages, add_generation_prompt=True, return_dict=False
            )
            after = tokenizer(said, add_special_tokens=False)["input_ids"]
            after.append(tokenizer.eos_token_id)
            labels = torch.tensor([[-100] * len(before) + after])
            loss = model(input_ids=torch.tensor([before + after]), labels=labels).loss
            (loss / _BATCH).backward()
            if number % _BATCH == 0:
                optimiser.step()
                optimiser.zero_grad()
    print(f"trained on {len(rows)} rows, {_EPOCHS} times; loss of the last one {loss.item():.2f}")
    model.save_pretrained(str(folder))


def shipped(adapter: Path, home: Path) -> dict[str, str]:
    """Put the adapter into the library and ship it; gives the ids of its forms by name."""
    from ragopt_tui.conversion.ship import ship
    from ragopt_tui.conversion.steps import Workshop, merged
    from ragopt_tui.jobs.events import Reporter
    from ragopt_tui.models.store import VariantStore
    from ragopt_tui.settings import Settings, folders

    store = VariantStore(folders().models)
    live = store.add(adapter, name="live", parent="builtin").variant.id
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
            judge(q, assistant.ask(q.question, variant, 2, lambda *_: None, lambda: False))
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
