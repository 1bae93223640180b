"""What every backend must do, as fixtures and checks shared by the tests of each."""

from __future__ import annotations

from ragopt_tui.chat.backends import Backend, Messages
from ragopt_tui.chat.prompt import build_prompt
from ragopt_tui.knowledge.passage import Hit
from tests.chat.test_citations import passage

EVIDENCE = [
    Hit(passage("The weather in Bergen was fine. The office opened in May."), 1.0),
    Hit(passage("Net revenue was $4.2 billion in fiscal 2023, up 8% from 2022."), 1.0),
]


def never() -> bool:
    return False


def messages(backend: Backend, question: str = "What was net revenue in 2023?") -> Messages:
    prompt = build_prompt(
        question,
        EVIDENCE,
        builtin=True,
        count_tokens=backend.count_tokens,
        room=backend.context_tokens,
    )
    return prompt.messages


def answer(backend: Backend, asked: Messages) -> str:
    return "".join(backend.stream(asked, 60, never)).strip()
