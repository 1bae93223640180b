"""A passage that stands in several files is shown once, with the others named."""

from __future__ import annotations

from dataclasses import replace

from ragopt_tui.chat.conversations.export import to_markdown
from tests.ui.kept import exchange
from tests.ui.scripted import CALL, HITS, QUESTION, events_of, quotes_answer, scripted_app
from tests.ui.waiting import answered, ready, shown

OTHERS = (CALL, "notes/[copy].md")
TWICE = replace(
    quotes_answer(), evidence=(replace(HITS[0], also_in=OTHERS), replace(HITS[1], also_in=(CALL,)))
)


async def test_the_other_files_are_named_on_the_source_and_counted_on_the_citation() -> None:
    app = scripted_app(events_of(TWICE))
    async with app.run_test(size=(200, 50)) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        await shown(pilot, "line 7  and in 2 other files")
        await shown(pilot, "line 13  and in 1 other file")
        await shown(pilot, f"also in {CALL[:20]}")


def test_the_other_files_are_named_in_what_is_exported() -> None:
    text = to_markdown("t", "/reports", [exchange(QUESTION, TWICE)])
    assert f"line 7 (also in {CALL}, notes/\\[copy\\].md)" in text
