from __future__ import annotations

import pytest

from ragopt_tui.chat.figures.verify import verify_figures
from ragopt_tui.chat.support import unsupported_reason
from ragopt_tui.knowledge.passage import Hit
from tests.passages import passage

EVIDENCE = [
    Hit(passage("Net revenue was $4,212 million in fiscal 2023, up 8% from 2022."), 1.0),
    Hit(passage("Headcount fell to 3,100 after the Leeds plant closed.", number=1), 0.5),
]


def reason_of(text: str) -> str:
    return unsupported_reason(text, EVIDENCE, verify_figures(text, EVIDENCE, "").figures)


@pytest.mark.parametrize(
    "text",
    [
        "Net revenue was $4,212 million in fiscal 2023 [1].",
        "Net revenue was $4212 million [1]. Headcount fell to 3,100 [2].",
        "Headcount fell after the Leeds plant closed [1, 2].",
        "Net revenue was $4.2 billion in fiscal 2023 [1].",
        "Headcount fell to 3,100. The Leeds plant closed [2].",
    ],
)
def test_what_the_cited_passages_say_is_supported(text: str) -> None:
    assert reason_of(text) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Net revenue was $4,212 million.", "cites no passage"),
        ("Net revenue was $4,212 million [7].", "[7]"),
        ("Net revenue was $4,312 million [1].", "4,312"),
        ("Net revenue was $4,212 million [2].", "4,212"),
        ("The board approved a merger with a rival bank [1].", "Most of its words"),
    ],
)
def test_what_they_do_not_say_is_named(text: str, reason: str) -> None:
    assert reason in reason_of(text)
