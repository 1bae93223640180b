from __future__ import annotations

import json
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ragopt_tui.chat.answer import Answer, CheckedFigure
from ragopt_tui.chat.figures.verify import Verification, verify_figures, with_verified_quotes
from ragopt_tui.knowledge.passage import Hit, Profile
from tests.passages import passage

TABLE = """\
Table 1. Income statement ($ in millions, except per share data)

| | FY2023 | FY2022 |
|---|---|---|
| Revenue | 4,213 | 3,980 |
| Operating income | 598 | (41) |
| Income tax expense | (120) | (7) |
| Diluted earnings per share | 2.31 | (0.12) |"""
PROSE = (
    "Revenue rose 5.9% to $4,213 million in fiscal 2023. The tax rate was 20.1%, down from 24.4%. "
    "We closed five plants and employed 31,400 people at June 30, 2023."
)
PROFILE = Profile("Annual report 2023", "Acme Corp.", "fiscal 2023", "annual report")
HITS = [
    Hit(passage(TABLE, kind="table", profile=PROFILE), 1.0),
    Hit(passage(PROSE, number=1, profile=PROFILE), 0.9),
]


def verified(text: str, question: str = "", hits: list[Hit] | None = None) -> Verification:
    return verify_figures(text, HITS if hits is None else hits, question)


def statuses(text: str, question: str = "") -> dict[str, str]:
    return {figure.text: figure.status for figure in verified(text, question).figures}


def only(text: str, question: str = "") -> CheckedFigure:
    (figure,) = verified(text, question).figures
    return figure


@pytest.mark.parametrize(
    ("amount", "status"),
    [
        ("$4,213 million", "found"),
        ("$4.213 billion", "found"),
        ("$4.21bn", "found"),
        ("$4.2bn", "found"),
        ("about $4,200 million", "found"),
        ("4,213", "found"),
        ("$4,200 million", "not found"),
        ("$4.3bn", "not found"),
        ("$4,213.5 million", "not found"),
        ("$4,213", "not found"),
        ("$4,213 thousand", "not found"),
        ("€4,213 million", "not found"),
        ("$5bn", "not found"),
    ],
)
def test_an_amount_may_be_rounded_to_what_it_shows(amount: str, status: str) -> None:
    assert only(f"Revenue was {amount} [1].").status == status


def test_figures_stand_at_their_place_with_value_and_unit() -> None:
    text = "On **June 30, 2023** revenue was $4.2bn [2], and `2.31` was earned per share [1]."
    figures = verified(text).figures
    assert [text[f.start : f.end] for f in figures] == [f.text for f in figures]
    assert [(f.text, f.value, f.unit) for f in figures] == [
        ("June 30, 2023", "2023-06-30", "date"),
        ("$4.2bn", 4_200_000_000, "USD"),
        ("2.31", 2.31, "USD"),
    ]


def test_a_numeral_alone_has_the_unit_and_scale_of_its_cell() -> None:
    figures = verified("Operating income was 598 in 2023 and (41) in 2022 [1].").figures
    assert [(f.text, f.value, f.unit) for f in figures] == [
        ("598", 598_000_000, "USD"),
        ("2023", 2023, "year"),
        ("(41)", -41_000_000, "USD"),
        ("2022", 2022, "year"),
    ]


def test_a_value_that_no_float_holds_is_a_string() -> None:
    assert only("It was $9,007,199,254,740,993 [1].").value == "9007199254740993"
    assert only("It was 0.12345678901234567890123 % [1].").value == "0.12345678901234567890123"


def test_list_numbers_citations_links_and_files_hold_no_figures() -> None:
    text = (
        "1. Revenue grew [1, 2].\n2) See [the note 7](https://a.example/2019) in report-2021.pdf [1].\n"
        "3. https://a.example/12 says so too [2-3]."
    )
    assert verified(text).figures == ()


def test_emphasis_and_escapes_do_not_part_a_figure() -> None:
    assert statuses("Revenue was **$4,213** million, and the loss \\(41\\) [1].") == {
        "$4,213** million": "found",
        "(41\\)": "found",
    }


def test_what_only_another_passage_holds_is_found_elsewhere() -> None:
    figure = only("We employed 31,400 people [1].")
    assert (figure.status, figure.found_in) == ("found elsewhere", (2,))
    figure = only("We employed 31,400 people.")
    assert (figure.status, figure.found_in) == ("found elsewhere", (2,))


def test_a_year_is_found_where_heading_lead_or_profile_names_it() -> None:
    assert only("Plants were closed in 2023 [2].").status == "found"
    headed = [Hit(passage("Sales were weak.", headings=("Fiscal 2019", "Sales")), 1.0)]
    (figure,) = verified("Sales were weak in 2019 [1].", hits=headed).figures
    assert figure.status == "found"
    led = [Hit(passage("| Sales | 12 |", kind="table", lead="| Item | FY18 |"), 1.0)]
    (year, amount) = verified("In 2018 sales were 12 [1].", hits=led).figures
    assert (year.status, amount.status) == ("found", "found")


def test_a_year_that_the_passage_gives_another_figure_for_is_not_found() -> None:
    assert statuses("Revenue was $4,213 million in 2022 [1].") == {
        "$4,213 million": "found",
        "2022": "not found",
    }
    assert statuses("Revenue was $3,980 million in 2022 and $4,213 million in 2023 [1].") == {
        "$3,980 million": "found",
        "2022": "found",
        "$4,213 million": "found",
        "2023": "found",
    }


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("The operating loss was $41 million in 2022 [1].", "found"),
        ("Operating income was -$41 million in 2022 [1].", "found"),
        ("Operating income was $41 million in 2022 [1].", "not found"),
        ("The operating loss was $598 million in 2023 [1].", "not found"),
        ("Income tax of $120 million was paid in 2023 [1].", "found"),
        ("Revenue fell 5.9% in 2023 [2].", "not found"),
        ("Revenue was 5.9% higher in 2023 [2].", "found"),
        ("Revenue was 5.9% lower in 2023 [2].", "not found"),
    ],
)
def test_losses_and_falls_are_not_profits_and_rises(text: str, status: str) -> None:
    assert verified(text).figures[0].status == status


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("Revenue rose by $233 million in 2023 [1].", "4,213 − 3,980 = $233 million"),
        ("Revenue rose by 5.85% in 2023 [1].", "(4,213 − 3,980) / 3,980 = 5.85 %"),
        ("The tax rate fell by 430 basis points [2].", "20.1 % − 24.4 % = −430 basis points"),
        ("Tax was 20.1% of the total in 2023 [1].", ""),
        (
            "Operating income of $598 million was 14.2% of revenue of $4,213 million [1].",
            "598 / 4,213 = 14.2 %",
        ),
        ("Revenue was 7.0 times operating income in 2023 [1].", "4,213 / 598 = 7.0x"),
    ],
)
def test_one_step_of_arithmetic_is_shown(text: str, formula: str) -> None:
    assert [f.formula for f in verified(text).figures if f.formula] == (
        [formula] if formula else []
    )


@pytest.mark.parametrize(
    "text",
    [
        "Revenue rose by 6.9% in 2023 [1].",
        "Revenue fell by $233 million in 2023 [1].",
        "Headcount rose by 233 [1].",
        "Revenue was $233 million [1].",
        "Margins rose by 0.5% [1].",
        "Costs rose 41% [1].",
    ],
)
def test_what_only_chance_would_compute_is_not_found(text: str) -> None:
    assert verified(text).figures[0].status == "not found"


def test_a_figure_of_another_row_than_the_named_one_is_not_found() -> None:
    assert statuses("Operating income was $120 million in 2023 [1].")["$120 million"] == "not found"


def test_small_counts_need_their_words_too() -> None:
    assert statuses("We closed 5 plants [2].") == {"5": "found"}
    assert statuses("The board has 5 members [2].") == {"5": "not found"}


def test_sentences_without_a_citation_are_told() -> None:
    text = (
        "Revenue grew. It was $4,213 million [1].\n\nIn detail:\n\n- Tax: 20.1% [2]\n- All is well."
    )
    assert [text[a:b] for a, b in verified(text).uncited] == ["Revenue grew.", "- All is well."]


def test_a_bracket_behind_the_stop_and_a_colon_before_a_list_cite() -> None:
    text = "Revenue was $4,213 million. [1] By line [1]:\n- Tax was $120 million\n- Income $598 million"
    checked = verified(text)
    assert checked.uncited == ()
    assert {figure.status for figure in checked.figures} == {"found"}


def test_the_scale_of_a_quoted_row_may_stand_in_its_caption() -> None:
    rows = "(in thousands)\n                 2023       2022\nRevenue      $ 4,213    $ 3,980"
    quotes = Answer(
        question="revenue",
        text="Revenue — 2023: $4,213 · 2022: $3,980 [1]",
        refused=False,
        citations=(),
        evidence=(Hit(passage(rows, kind="table"), 1.0),),
        variant="quotes",
        index_version="g1.v1",
    )
    beside = Answer("revenue", "No idea.", False, (), (), "builtin", "g1.v1", quotes=quotes)
    checked = with_verified_quotes(beside)
    assert checked.figures == ()
    assert checked.quotes is not None
    assert [figure.status for figure in checked.quotes.figures] == ["found"] * 4
    again = Answer.from_json(json.loads(json.dumps(checked.to_json())))
    assert again == checked


MARKED = st.lists(
    st.sampled_from(
        "$4.2bn|4,213|(41)|-5 %|120 bps|FY23|June 30, 2023|2.3x|[1]|[2]|[9]|**|`|\n|\n- | |. |"
        "Revenue|rose by|fell to|was|in|and|of|million|loss|||12|from|(|)".split("|")
    ),
    max_size=30,
).map(" ".join)


@settings(deadline=None)
@given(MARKED | st.text(max_size=80), MARKED, st.sampled_from(["prose", "table"]), st.booleans())
@example("0" * 5000, "| 1 |\n", "table", False)
def test_any_answer_is_verified(
    text: str, held: str, kind: Literal["prose", "table"], verbatim: bool
) -> None:
    checked = verify_figures(text, [Hit(passage(held, kind=kind), 1.0)], held, verbatim=verbatim)
    last = 0
    for figure in checked.figures:
        assert last <= figure.start < figure.end <= len(text)
        assert figure.text == text[figure.start : figure.end]
        assert (figure.status == "computed") == bool(figure.formula)
        assert (figure.status == "not found") == (not figure.found_in)
        last = figure.end
