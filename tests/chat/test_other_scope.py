"""A citation about another company or period than asked is told; a comparative is no other."""

from __future__ import annotations

import pytest

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.citations import cite, cite_answer
from ragopt_tui.chat.other_scope import other_scope, with_scope
from ragopt_tui.knowledge.passage import Hit, Passage, Profile
from ragopt_tui.knowledge.scope import Filter, FilterKind, OtherScope
from tests.passages import passage

NORTHWIND = "Northwind Group plc"
TABLE = """| | 2024 | 2023 |
|---|---:|---:|
| Revenue | 5.0 | 4.0 |
| Profit | 1.0 | 0.9 |"""
QUARTERS = """| | Q1 2024 | Q2 2024 |
|---|---:|---:|
| Revenue | 1.1 | 1.3 |"""


def of(year: str, text: str, company: str = NORTHWIND, **more: object) -> Passage:
    profile = Profile(f"Annual Report {year}", company, f"fiscal {year}", "annual report")
    kind = "table" if text.startswith("|") else "prose"
    return passage(text, kind=kind, profile=profile, **more)  # type: ignore[arg-type]


def quoting(*quotes: tuple[Passage, str]) -> Answer:
    """Give an answer that cites one quote of each passage."""
    citations = []
    for n, (each, quote) in enumerate(quotes, 1):
        start = each.text.index(quote)
        citations.append(cite(n, each, start, start + len(quote)))
    return Answer(
        question="?",
        text=" ".join(f"{quote} [{n}]" for n, (_, quote) in enumerate(quotes, 1)),
        refused=False,
        citations=tuple(citations),
        evidence=tuple(Hit(each, 1.0) for each, _ in quotes),
        variant="quotes",
        index_version="1",
    )


def asked(*values: str) -> list[Filter]:
    kinds: list[FilterKind] = ["company" if v == NORTHWIND else "period" for v in values]
    return [Filter(kind, value, value, "used") for kind, value in zip(kinds, values, strict=True)]


def others(text: str, year: str, *values: str, quote: str = "", **more: object) -> list[str]:
    answer = quoting((of(year, text, **more), quote or text))  # type: ignore[arg-type]
    return [each.found for each in other_scope(answer, asked(*values))]


@pytest.mark.parametrize(
    ("text", "year", "period"),
    [
        ("Revenue was $5 million.", "2022", "FY2023"),
        ("Revenue was $5 million in fiscal 2022.", "2022", "FY2023"),
        ("Staff were trained in safety.", "2022", "FY2024"),
        ("Revenue was $5 million.", "2022", "31 Dec 2024"),
        ("Revenue was $5 million in 2021.", "2022", "Q3 2024"),
    ],
)
def test_a_sentence_of_another_years_document_is_told(text: str, year: str, period: str) -> None:
    (found,) = others(text, year, period)
    assert found in ("FY2022", "FY2021")


def test_a_row_whose_columns_are_other_years_is_told() -> None:
    row = "| Revenue | 5.0 | 4.0 |"
    assert others(TABLE, "2024", "FY2022", quote=row) == ["FY2024"]
    assert others(TABLE, "2023", "FY2022", quote=row) == ["FY2024"]


def test_a_sentence_that_says_its_figure_for_an_earlier_year_is_told() -> None:
    text = "Revenue in fiscal 2022 was $5 million."
    assert others(text, "2024", "FY2024") == ["FY2022"]


def test_a_quarters_row_is_not_about_the_year_or_another_quarter() -> None:
    row = "| Revenue | 1.1 | 1.3 |"
    assert others(QUARTERS, "2024", "FY2024", quote=row) == ["Q1 2024"]
    assert others(QUARTERS, "2024", "Q3 2024", quote=row) == ["Q1 2024"]
    assert others(QUARTERS, "2024", "Q2 2024", quote=row) == []
    assert others(QUARTERS, "2024", "H1 2024", quote=row) == ["Q1 2024"]


@pytest.mark.parametrize("period", ["FY2024", "FY2023", "30 Jun 2023"])
def test_a_row_with_comparatives_is_about_both_years(period: str) -> None:
    assert others(TABLE, "2024", period, quote="| Revenue | 5.0 | 4.0 |") == []


@pytest.mark.parametrize(
    ("text", "year", "period"),
    [
        ("Revenue was $5 million.", "2024", "FY2024"),
        ("Revenue was $5 million, up from $4 million in 2023.", "2024", "FY2024"),
        ("Revenue was $5 million (2023: $4 million).", "2024", "FY2024"),
        ("Revenue was $5 million (2023: $4 million).", "2024", "FY2023"),
        ("Revenue rose from $4 million last year.", "2024", "FY2023"),
        ("The plant was founded in 1961 and employs many.", "2024", "FY2024"),
        ("In November 2023 we bought a site for $40 million.", "2024", "FY2024"),
        ("The loan of $20 million matures in 2027.", "2024", "FY2024"),
        ("We expect revenue of $6 million.", "2024", "FY2025"),
        ("We expect revenue of $6 million in fiscal 2025.", "2024", "FY2025"),
        ("Net debt was $3 million at 30 November 2023.", "2024", "FY2024"),
        ("Cash was $2 million.", "2024", "30 Nov 2023"),
        ("Revenue was $5 million in the year ended June 30, 2023.", "2024", "FY2023"),
    ],
)
def test_what_is_silent_compares_or_looks_ahead_is_not_told(
    text: str, year: str, period: str
) -> None:
    assert others(text, year, period) == []


def test_the_year_may_stand_in_the_heading_the_caption_or_the_sentence_before() -> None:
    assert others("Revenue was $5 million.", "2024", "FY2023", headings=("Results of 2023",)) == []
    lead = "Table 2 (fiscal 2023)\n| | Amount |"
    assert others("| Revenue | 5 |", "2024", "FY2023", lead=lead) == []
    text = "In fiscal 2023 we sold a plant. It brought $5 million."
    assert others(text, "2024", "FY2023", quote="It brought $5 million.") == []


def test_two_periods_asked_for_are_both_right() -> None:
    assert others("Revenue was $5 million.", "2023", "FY2023", "FY2022") == []
    assert others("Revenue was $5 million.", "2021", "FY2023", "FY2022") == ["FY2021"]


def test_a_document_dated_later_in_the_year_may_be_about_it() -> None:
    memo = passage("Leverage was 2.4 times.", profile=Profile("Memo", NORTHWIND, "May 22, 2024"))
    answer = quoting((memo, memo.text))
    assert other_scope(answer, asked("FY2024")) == ()
    assert other_scope(answer, asked("FY2023")) == ()
    assert [each.found for each in other_scope(answer, asked("FY2020"))] == ["22 May 2024"]


def test_a_document_without_a_period_is_not_told() -> None:
    plain = passage("Revenue was $5 million.", profile=Profile("Notes", NORTHWIND))
    assert other_scope(quoting((plain, plain.text)), asked("FY2024")) == ()


def test_another_companys_document_is_told_unless_it_names_the_company() -> None:
    ours, theirs = of("2024", "Revenue rose."), of("2024", "Revenue fell.", "Southgate Inc.")
    named = of("2024", "Northwind is our largest customer.", "Southgate Inc.")
    answer = quoting((ours, ours.text), (theirs, theirs.text), (named, named.text))
    assert other_scope(answer, asked(NORTHWIND)) == (
        OtherScope(2, "company", NORTHWIND, "Southgate Inc."),
    )


def test_the_short_name_of_a_company_is_the_company() -> None:
    short = of("2024", "Revenue rose.", "NORTHWIND")
    assert other_scope(quoting((short, short.text)), asked(NORTHWIND)) == ()


def test_nothing_is_told_of_what_was_not_asked_or_was_taken_away() -> None:
    answer = quoting((of("2022", "Revenue rose."), "Revenue rose."))
    assert other_scope(answer, []) == ()
    assert other_scope(answer, [Filter("period", "FY2024", "2024", "removed")]) == ()
    relaxed = [Filter("period", "FY2024", "2024", "relaxed")]
    assert other_scope(answer, relaxed) == (OtherScope(1, "period", "FY2024", "FY2022"),)


def test_a_written_answer_and_the_quotes_beside_it_are_both_looked_at() -> None:
    old = of("2022", "Revenue was $5 million. Profit was $1 million.")
    text = "Revenue was $5 million [1]."
    evidence = (Hit(old, 1.0),)
    written = Answer("?", text, False, cite_answer(text, evidence), evidence, "builtin", "1")
    beside = quoting((of("2024", "Revenue rose."), "Revenue rose."))
    filters = tuple(asked("FY2024"))
    answer = with_scope(Answer(**_fields(written) | {"quotes": beside}), filters)
    assert answer.other_scope == (OtherScope(1, "period", "FY2024", "FY2022"),)
    assert answer.filters == filters
    assert answer.quotes is not None
    assert (answer.quotes.filters, answer.quotes.other_scope) == (filters, ())
    assert Answer.from_json(answer.to_json()) == answer


def _fields(answer: Answer) -> dict[str, object]:
    return {name: getattr(answer, name) for name in answer.__slots__}
