"""What every backend must do, as fixtures and checks shared by the tests of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from ragopt_tui.chat.backends import Backend, Messages
from ragopt_tui.chat.backends.loading import LoadPlan, load_backend
from ragopt_tui.chat.backends.local import LocalBackend
from ragopt_tui.chat.prompt import build_prompt
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.models.model_files import model_files
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import Variant
from ragopt_tui.settings import folders
from tests.chat.test_citations import passage

_REVENUE = passage("Net revenue was $4.2 billion in fiscal 2023, up 8% from 2022.")
EVIDENCE = [
    Hit(passage("The weather in Bergen was fine. The office opened in May."), 0.2),
    Hit(dataclasses.replace(_REVENUE, id="q", char_start=2000, char_end=2061), 0.9),
]


def never() -> bool:
    return False


def messages(
    backend: Backend,
    question: str = "What was net revenue in 2023?",
    evidence: Sequence[Hit] = EVIDENCE,
) -> Messages:
    prompt = build_prompt(
        question,
        evidence,
        builtin=True,
        count_tokens=backend.count_tokens,
        room=backend.context_tokens,
    )
    return prompt.messages


def answer(backend: Backend, asked: Messages) -> str:
    return "".join(backend.stream(asked, 60, never)).strip()


def found(name: str) -> Variant:
    """Find a variant by its id or path."""
    return VariantStore(folders().models).find(name)


def load(variant: Variant, **changes: Any) -> LocalBackend:
    """Load a variant with at most 8192 tokens of context."""
    files = model_files(variant, found)
    return load_backend(LoadPlan(files, files.written(), 8192, **changes))
