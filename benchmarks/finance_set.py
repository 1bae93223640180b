"""The finance questions of recipes/finance_questions as a stored data set, and adapters trained on it."""

from __future__ import annotations

import dataclasses
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragopt_tui.training.data.example import Example

ROOT = Path(__file__).parent.parent
QUESTIONS = ROOT / "recipes" / "finance_questions" / "finance_questions.csv"
VALIDATION, TEST = 40, 80
_CITATIONS = re.compile(r"\s*(?:\[\d+\])+")
_LONGEST_ANSWER = 64


def import_questions(seed: int) -> str:
    """Import the questions, split by company and row; gives the id of the set."""
    from ragopt_tui.training.data.importing import Request, import_set
    from ragopt_tui.training.data.splitting import Shares
    from ragopt_tui.training.data.store import DataSetStore

    shares = Shares(VALIDATION, TEST, seed)
    request = Request(str(QUESTIONS), f"finance {seed}", group="group", shares=shares)
    return import_set(request, DataSetStore()).id


def train(preset: str, data: str, seed: int, **lora: Any) -> tuple[str, float]:  # noqa: ANN401
    """Train an adapter as a job; gives its id and the seconds that this took."""
    from ragopt_tui.jobs import supervisor
    from ragopt_tui.training.configuration.presets import preset as find_preset
    from ragopt_tui.training.runs.starting import start_training

    config = find_preset(preset).config
    config = dataclasses.replace(
        config,
        name=f"{preset} {seed}",
        data=dataclasses.replace(config.data, set=data),
        training=dataclasses.replace(config.training, seed=seed),
        lora=dataclasses.replace(config.lora, **lora),
    )
    began = time.monotonic()
    job = start_training(config)
    while job.state == "running":
        time.sleep(0.5)
    took = time.monotonic() - began
    if job.state != "finished" or job.result is None:
        raise SystemExit(f"{job.reason} Log: {supervisor.find(job.id).log_file}")
    return str(job.result.result["variant"]), took


def test_examples(data: str) -> list[Example]:
    """Give the rows that nothing was trained on."""
    from ragopt_tui.training.data.store import DataSetStore

    return list(DataSetStore().find(data).examples("test"))


def answers(variant_id: str, examples: Sequence[Example]) -> list[str]:
    """Give what a variant answers, greedily, to the chat pane's own prompts, without citations."""
    from ragopt_tui.chat.backends import Sampling
    from ragopt_tui.chat.model_slot import ModelSlot
    from ragopt_tui.models.store import VariantStore
    from ragopt_tui.settings import Settings, folders
    from ragopt_tui.training.data.evidence_prompt import evidence_prompt

    store = VariantStore(folders().models)
    variant = store.find(variant_id)
    slot = ModelSlot(store, Settings())
    try:
        backend = slot.use(variant, lambda _: None).backend
        said = []
        for example in examples:
            prompt = evidence_prompt(
                example,
                builtin=store.from_builtin(variant),
                count_tokens=backend.count_tokens,
                room=backend.context_tokens - _LONGEST_ANSWER,
            )
            pieces = backend.stream(
                prompt.messages, _LONGEST_ANSWER, lambda: False, Sampling(temperature=0.0)
            )
            said.append(_CITATIONS.sub("", "".join(pieces)).strip())
        return said
    finally:
        slot.close()


def token_f1(said: str, wanted: str) -> float:
    """Give the F1 of the words that two texts share, as SQuAD measures it (Rajpurkar et al., 2016)."""
    told, gold = Counter(_words(said)), Counter(_words(wanted))
    shared = (told & gold).total()
    return 2 * shared / (told.total() + gold.total()) if shared else 0.0


def same_figure(said: str, wanted: str) -> bool:
    """Say whether the figures of an answer, years aside, are the wanted one: value, scale, unit, sign."""
    return _figures(said) == _figures(wanted)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\s,;:]+", text.lower().rstrip("."))


def _figures(text: str) -> set[tuple[str, str]]:
    from ragopt_tui.chat.figures.quantities import find_quantities

    found = find_quantities(text, "us")
    year = re.compile(r"(?:FY\s?)?(?:19|20)\d\d")
    return {
        (str(-each.value.normalize() if each.bracketed else each.value.normalize()), each.unit)
        for each in found
        if not year.fullmatch(each.text.strip())
    }
