"""What verified and unverified figures look like; look at a changed picture before accepting it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.figures.verify import with_verified_quotes
from ragopt_tui.chat.generate import checked
from tests.ui.scripted import HITS, QUESTION, events_of, quotes_answer, scripted_app
from tests.ui.test_snapshots import SMALL, USUAL, WIDE, Compare, _still, asking

__all__ = ["_still"]

VERIFIED = (
    "Operating margin was **14.2 %** in fiscal 2023 [1], up by 130 basis points from 12.9 % [1]. "
    "Revenue rose to €2.42 billion from €2,279 million [2], and operating profit to EUR 343 million, "
    "that is by 16.7 % [2]."
)
DOUBTFUL = (
    "Operating margin was **15.8 %** in 2023 [1]. Revenue was EUR 2,418 million in 2022 [2]. "
    "Net debt stood at EUR 612 million [2]. The board expects a further improvement.\n\n"
    "| | 2023 | 2022 |\n|---|---|---|\n| Operating profit | 343 | 249 [2] |"
)


def generated(text: str) -> Answer:
    """An answer of the built-in model, checked as the engine does."""
    answer = checked(QUESTION, text, HITS, "builtin-q8_0", "g1.v14").after(2.4)
    if answer.unsupported:
        answer = replace(answer, quotes=quotes_answer())
    return with_verified_quotes(answer)


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["small", "wide"])
def test_verified_figures(snap_compare: Compare, size: tuple[int, int]) -> None:
    app = scripted_app(events_of(generated(VERIFIED)), variant="builtin-q8_0")
    assert snap_compare(app, terminal_size=size, run_before=asking())


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["small", "wide"])
def test_unverified_figures(snap_compare: Compare, size: tuple[int, int]) -> None:
    app = scripted_app(events_of(generated(DOUBTFUL)), variant="builtin-q8_0")
    assert snap_compare(app, terminal_size=size, run_before=asking())


def test_unverified_figures_without_colour(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = scripted_app(events_of(generated(DOUBTFUL)), variant="builtin-q8_0")
    assert snap_compare(app, terminal_size=USUAL, run_before=asking())
