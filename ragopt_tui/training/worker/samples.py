"""What the model in training answers to a few fixed questions, greedily."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ragopt_tui.plaintext import without_controls
from ragopt_tui.training.data.example import Example, Message
from ragopt_tui.training.data.rendered import LeftOut
from ragopt_tui.training.data.rendering import Renderer

MOST_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Sample:
    """A question, and the tokens of its prompt."""

    question: str
    ids: tuple[int, ...]


def samples_of(
    questions: Sequence[str], held_out: Iterable[Example], renderer: Renderer
) -> list[Sample]:
    """Render questions; one that stands in the rows held out is asked with its evidence."""
    known = {example.question: example for example in held_out} if questions else {}
    found: list[Sample] = []
    for question in questions:
        asked = (Message("user", question), Message("assistant", "?", trained=True))
        example = known.get(question) or Example(messages=asked)
        try:
            found.append(Sample(question, renderer.prompt_ids(example)))
        except LeftOut:
            continue
    return found


@torch.no_grad()
def answer(model: Any, tokenizer: Any, sample: Sample) -> str:  # noqa: ANN401
    """Give what the model writes, at most `MOST_TOKENS` tokens; uses no randomness."""
    model.eval()
    ids = torch.tensor([sample.ids], device=model.device)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    written = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=MOST_TOKENS,
        do_sample=False,
        use_cache=True,
        pad_token_id=pad,
    )
    text = tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True)
    return without_controls(str(text)).strip()
