"""Files that give different figures for one company, period and measure are both cited, and it is said."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.citations import cite
from ragopt_tui.chat.differences import with_differences
from ragopt_tui.chat.figures.verify import with_verified_quotes
from ragopt_tui.knowledge.passage import Hit, Passage, Profile
from tests.passages import passage

HALDEN = Profile("Annual report", "Halden Marine plc", "fiscal 2024", "annual report")
OTHER = Profile("Annual report", "Corvane Logistics Inc.", "fiscal 2024", "annual report")
EARLIER = Profile("Annual report", "Halden Marine plc", "fiscal 2023", "annual report")
SENTENCE = "Capital expenditure of the shipyards was $61.4 million in fiscal 2024."
OTHERWISE = "Capital expenditure of the shipyards was $66.4 million in fiscal 2024."
LEAD = "Selected data ($ in millions)"
ROWS = "| Item | 2024 | 2023 |\n|---|---|---|\n| Revenue | 842.0 | 799.5 |\n| Inventories | 44.9 | 39.2 |"


def table(text: str, file: str, profile: Profile = HALDEN) -> Passage:
    return passage(text, file=file, kind="table", lead=LEAD, profile=profile)


def prose(text: str, file: str, profile: Profile = HALDEN) -> Passage:
    return passage(text, file=file, profile=profile)


def answered(passages: Sequence[Passage], question: str, quote: str) -> Answer:
    """An answer that quotes words of the first passage, which alone is its evidence."""
    start = passages[0].text.index(quote)
    answer = Answer(
        question=question,
        text=f"{quote} [1]",
        refused=False,
        citations=(cite(1, passages[0], start, start + len(quote)),),
        evidence=(Hit(passages[0], 0.9),),
        variant="quotes",
        index_version="g1.v1",
    )
    return with_differences(answer, [Hit(p, 0.5) for p in passages])


def test_sentences_that_differ_in_a_figure_are_both_cited() -> None:
    one, other = prose(SENTENCE, "report.md"), prose(OTHERWISE, "release.md")
    answer = answered([one, other], "What was capital expenditure in fiscal 2024?", SENTENCE)
    assert (
        answer.text
        == f"{SENTENCE} [1]\n\nThe sources differ: $61.4 million [1] and $66.4 million [2]."
    )
    assert [(c.n, c.file, c.quote) for c in answer.citations] == [
        (1, "report.md", SENTENCE),
        (2, "release.md", OTHERWISE),
    ]
    assert [hit.passage.file for hit in answer.evidence] == ["report.md", "release.md"]
    figures = with_verified_quotes(answer).figures
    assert {figure.status for figure in figures} == {"found"}


def test_rows_that_differ_are_named_with_their_column() -> None:
    passages = [table(ROWS, "report.md"), table(ROWS.replace("842.0", "850.0"), "release.md")]
    answer = answered(passages, "What was revenue in 2024?", "| Revenue | 842.0 | 799.5 |")
    assert answer.text.endswith("The sources differ: Revenue, 2024: 842.0 [1] and 850.0 [2].")
    assert {f.status for f in with_verified_quotes(answer).figures} == {"found"}


def test_a_row_and_a_sentence_that_differ_are_both_cited() -> None:
    said = "Revenue was $850.0 million in fiscal 2024, up from $799.5 million in fiscal 2023."
    passages = [table(ROWS, "report.md"), prose(said, "release.md")]
    answer = answered(passages, "What was revenue in 2024?", "| Revenue | 842.0 | 799.5 |")
    assert answer.text.endswith(
        "The sources differ: Revenue, 2024: 842.0 [1] and $850.0 million [2]."
    )


@pytest.mark.parametrize(
    "other",
    [
        prose(SENTENCE, "copy.md"),
        prose(OTHERWISE, "other.md", OTHER),
        prose(OTHERWISE.replace("2024", "2023"), "earlier.md", EARLIER),
        prose(OTHERWISE.replace("shipyards was", "offices and of the ferry lines was"), "parts.md"),
        prose("Net income of the shipyards was $66.4 million in fiscal 2024.", "income.md"),
        prose(OTHERWISE.replace(" in fiscal", " for tugs in fiscal"), "tugs.md"),
        prose("Capital expenditure of the shipyards was about $61 million in fiscal 2024.", "r.md"),
        prose(OTHERWISE.replace("$66.4 million", "12.4% of revenue"), "share.md"),
    ],
    ids=[
        "same",
        "other company",
        "other period",
        "other measure",
        "other words",
        "part of it",
        "rounded",
        "other unit",
    ],
)
def test_what_is_no_contradiction_is_not_called_one(other: Passage) -> None:
    passages = [prose(SENTENCE, "report.md"), other]
    answer = answered(passages, "What was capital expenditure in fiscal 2024?", SENTENCE)
    assert answer.text == f"{SENTENCE} [1]"
    assert len(answer.citations) == len(answer.evidence) == 1


def test_a_difference_that_two_citations_show_is_said_once() -> None:
    said = "Revenue was $842.0 million in fiscal 2024."
    one, other = (
        prose(f"{said} Costs rose.", "report.md"),
        prose(said.replace("842", "850"), "b.md"),
    )
    start = one.text.index("Costs")
    answer = Answer(
        question="What was revenue in 2024?",
        text="…",
        refused=False,
        citations=(
            cite(1, one, 0, len(said)),
            cite(2, other, 0, len(said)),
            cite(1, one, start, start + 5),
        ),
        evidence=(Hit(one, 0.9), Hit(other, 0.8)),
        variant="quotes",
        index_version="g1.v1",
    )
    text = with_differences(answer, answer.evidence).text
    assert text.endswith("The sources differ: $842.0 million [1] and $850.0 million [2].")


def test_what_a_figure_is_compared_with_is_none_of_its_year() -> None:
    other = "Capital expenditure of the shipyards was $66.4 million, down from $70.0 million."
    passages = [prose(SENTENCE, "report.md"), prose(other, "release.md")]
    answer = answered(passages, "What was capital expenditure in fiscal 2024?", SENTENCE)
    assert answer.text.endswith("The sources differ: $61.4 million [1] and $66.4 million [2].")


def test_what_falls_due_in_a_year_may_differ_from_one_report_to_the_next() -> None:
    due = "| Fiscal year | Payments |\n|---|---|\n| 2026 | 53.4 |\n| 2027 | 44.0 |"
    passages = [table(due, "a.md"), table(due.replace("53.4", "70.1"), "b.md", EARLIER)]
    answer = answered(passages, "What lease payments are due in 2026?", "| 2026 | 53.4 |")
    assert "differ" not in answer.text


@pytest.mark.parametrize(
    ("row", "other"),
    [
        ("| Item | Q2 2024 |\n|---|---|\n| Revenue | 210.4 |", "| Revenue | 842.0 | 799.5 |"),
        ("| Item | 2024 |\n|---|---|\n| Income, net | 44.0 |", "| Other income, net | 1.0 | 2.0 |"),
        ("| Item | Change |\n|---|---|\n| Revenue 2024 | 9.1% |", "| Revenue 2024 | 5.3% | 4.1% |"),
    ],
    ids=["part of the year", "other label", "change"],
)
def test_rows_of_another_part_label_or_kind_do_not_differ(row: str, other: str) -> None:
    rows = f"| Item | 2024 | 2023 |\n|---|---|---|\n{other}"
    passages = [table(row, "quarter.md"), table(rows, "report.md")]
    answer = answered(passages, "What was it in 2024?", row.split("\n")[-1])
    assert "differ" not in answer.text


def test_a_year_that_is_not_asked_for_may_differ() -> None:
    passages = [table(ROWS, "report.md"), table(ROWS.replace("799.5", "801.1"), "release.md")]
    answer = answered(passages, "What was revenue in 2024?", "| Revenue | 842.0 | 799.5 |")
    assert "differ" not in answer.text


def test_a_file_that_also_gives_the_cited_figure_does_not_contradict_it() -> None:
    restated = f"{SENTENCE} {OTHERWISE}"
    passages = [prose(SENTENCE, "report.md"), prose(restated, "release.md")]
    answer = answered(passages, "What was capital expenditure in fiscal 2024?", SENTENCE)
    assert "differ" not in answer.text
