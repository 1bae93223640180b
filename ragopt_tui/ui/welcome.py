"""What stands in a conversation before its first question."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from textual.content import Content

from ragopt_tui.ui.keys import spoken_of
from ragopt_tui.ui.wording import MUTED, count, shorten, when

if TYPE_CHECKING:
    from ragopt_tui.chat.conversations.store import Summary


def welcome(problem_hint: str, empty: bool) -> Content:
    """Say what can be done here: with the documents, or with what is wrong with them."""
    if problem_hint:
        return Content.styled(problem_hint, MUTED)
    if empty:
        return Content.assemble(
            ("No documents were found in this folder.\n\n", "bold"),
            ("Put some in and press F5, or open another folder with Ctrl+O.", MUTED),
        )
    return Content.assemble(
        ("Ask a question about these documents.\n\n", "bold"),
        (
            "Answers cite the passages they rest on. Alt+1 opens the first of them in its document; "
            "Tab goes through them.\nWhat the documents do not say is not answered.",
            MUTED,
        ),
    )


def to_go_on(previous: Summary | None, keys: Mapping[str, str], now: datetime) -> Content:
    """Say how to go on with the conversation before, and which that is; nothing where none is."""
    if previous is None:
        return Content()
    key = spoken_of("resume_chat", keys) or "/resume"
    about = f"{when(previous.updated, now)}; {count(previous.questions, 'question')}"
    said = f" goes on with “{shorten(previous.title, 60)}” ({about})."
    return Content.assemble(("\n\n" + key, "bold"), (said, MUTED))
