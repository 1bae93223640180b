"""A conversation as Markdown."""

from __future__ import annotations

import dataclasses

import pytest
from markdown_it import MarkdownIt

from ragopt_tui.chat.conversations.export import to_markdown
from ragopt_tui.chat.exchange import Exchange
from ragopt_tui.knowledge.scope import Filter, OtherScope
from tests.chat.conversations.exchanges import DOCS, NOON, answered, stopped
from tests.ui.scripted import quotes_answer, refusal, unsupported


def markdown(*exchanges: Exchange) -> str:
    return to_markdown("Margins [2023]", DOCS, exchanges)


def test_an_answer_stands_with_its_quotes_sources_model_and_index_version() -> None:
    text = markdown(answered("What was the margin?", variant_hash="ab12" * 16))
    assert text.startswith("# Margins \\[2023\\]\n\nDocuments: /reports/northwind\n")
    assert "## 1. What was the margin?" in text
    assert "because freight and energy costs fell. [1]" in text
    assert (
        "- \\[1\\] northwind_annual_report_2023.md, line 7\n\n    > Operating margin was 14.2 %"
        in text
    )
    assert "*Answered by quotes, files ab12ab12ab12ab12; index g1.v14; 0.3 s.*" in text
    assert text.endswith(f"*Asked {NOON:%Y-%m-%d %H:%M}.*\n")


def test_an_unsupported_answer_says_so_and_carries_its_quotes() -> None:
    text = markdown(answered("q", unsupported()))
    assert "**Not supported by its sources:** 15.8 % stands in no cited passage." in text
    assert text.index("Answered by built-in Q8_0") < text.index("Word for word from the documents:")
    assert text.index("Word for word") < text.index("Answered by quotes")


def test_refused_stopped_failed_repeated_and_corrected_are_told_apart() -> None:
    failed = dataclasses.replace(stopped("q"), state="failed", problem="The index is damaged.")
    text = markdown(
        answered("q", refusal()),
        stopped("q"),
        failed,
        answered(
            "q", difference="Since noon: the text differs.", thumb=-1, correction="14.2 %\nof it"
        ),
        answered("q", resolved_question="What was Northwind's q?"),
    )
    assert "The documents do not say." in text
    assert "Revenue\n\n*Stopped.*" in text
    assert "*The index is damaged.*" in text
    assert "*Since noon: the text differs.*" in text
    assert "*Marked as a bad answer.*\n\nCorrected answer:\n\n> 14.2 %\n> of it" in text
    assert "Read as: What was Northwind's q?" in text


def test_companies_and_periods_are_named_with_what_became_of_them_and_where_sources_differ() -> (
    None
):
    scope = [
        Filter("company", "North*wind", "North", "used"),
        Filter("period", "FY2023", "2023", "used"),
        Filter("period", "FY2022", "2022", "relaxed"),
        Filter("period", "FY2021", "2021", "removed"),
    ]
    other = (OtherScope(1, "period", "FY2023", "FY[2019]"),)
    asked = answered("q", dataclasses.replace(quotes_answer("q"), other_scope=other))
    asked.scope = scope
    text = markdown(asked)
    assert "Looked in: North\\*wind · FY2023; Too little there: FY2022; Left out: FY2021" in text
    assert "**Another period:** \\[1\\] is about FY\\[2019\\], not FY2023." in text


def test_a_long_question_is_whole_below_a_short_heading() -> None:
    question = "Why did " + "revenue " * 7000 + "fall?"
    text = markdown(answered(question))
    heading = next(line for line in text.split("\n") if line.startswith("## 1."))
    assert len(heading) < 140
    assert question in text


@pytest.mark.parametrize(
    "nasty", ["<script>alert(1)</script>", "<img src=x>", "# no heading", "\x1b[31m"]
)
def test_questions_quotes_titles_and_answers_are_text_and_no_page(nasty: str) -> None:
    answer = dataclasses.replace(quotes_answer(nasty), text=f"{nasty}\n\n```\na < b <c>\n```")
    text = markdown(answered(nasty, answer, thumb=-1, correction=nasty))
    assert "\x1b" not in text
    assert "a < b <c>" in text
    html = MarkdownIt("commonmark", {"html": True}).render(text)
    assert "<script" not in html
    assert "<img" not in html
