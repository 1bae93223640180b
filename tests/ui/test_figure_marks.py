from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from ragopt_tui.chat.answer import Answer, CheckedFigure, FigureStatus
from ragopt_tui.chat.figures.summary import SIGNS, figure_parts
from ragopt_tui.ui.figure_marks import NO_SOURCE, STYLES, with_marks, without_marks

STATUSES: tuple[FigureStatus, ...] = ("found", "computed", "found elsewhere", "not found")


def figure(text: str, of: str, status: FigureStatus = "found", formula: str = "") -> CheckedFigure:
    start = of.index(text)
    places = (2,) if status == "found elsewhere" else ()
    return CheckedFigure(text, 0, "", status, places, formula, start, start + len(text))


def answer(text: str, *figures: CheckedFigure, uncited: tuple[tuple[int, int], ...] = ()) -> Answer:
    return Answer("?", text, False, (), (), "builtin", "g1.v1", figures=figures, uncited=uncited)


def drawn(given_answer: Answer) -> Content:
    return without_marks(Content(with_marks(given_answer, given_answer.text)))


def test_a_figure_found_is_underlined_and_carries_no_sign() -> None:
    text = "Margin was 14.2 % [1]."
    content = drawn(answer(text, figure("14.2 %", text)))
    assert content.plain == text
    (span,) = content.spans
    assert (content.plain[span.start : span.end], span.style) == ("14.2 %", STYLES["found"])


def test_other_figures_carry_a_sign_that_reads_without_colour() -> None:
    text = "It was 5, 6 and 7."
    statuses = zip("567", STATUSES[1:], strict=True)
    content = drawn(answer(text, *(figure(digit, text, status) for digit, status in statuses)))
    assert content.plain == "It was 5≈, 6? and 7✗."


def test_a_sentence_without_a_source_says_so_inside_its_emphasis() -> None:
    text = "**All is well.** Margin was 5 [1]."
    marked = with_marks(answer(text, uncited=((0, 16),)), text)
    assert marked.index("**", 2) == len("**All is well.") + 1
    assert without_marks(Content(marked)).plain == f"**All is well.{NO_SOURCE}** Margin was 5 [1]."


def test_an_escaped_figure_stays_escaped() -> None:
    text = "\\-5.2 % [1]"
    assert with_marks(answer(text, figure("-5.2 %", text)), text)[1:3] == "\\-"


def test_code_and_tables_take_no_marks_that_would_break_them() -> None:
    text = "```\n1,234\n```\n\n| a | 5 |\n|---|---|\n"
    table = text.index("|")
    assert (
        with_marks(answer(text, figure("1,234", text), uncited=((table, len(text)),)), text) == text
    )


def test_characters_of_the_answer_that_look_like_marks_are_none() -> None:
    text = "It was \ue0005\ue004."
    assert drawn(answer(text)).plain == "It was \ufffd5\ufffd."


@given(st.data(), st.text(alphabet="a1 .*|`\\-[]\n", max_size=60))
def test_nothing_but_signs_is_added_to_the_text(data: st.DataObject, text: str) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = list(zip(cuts[::2], cuts[1::2], strict=False))
    figures = [
        replace(figure("", text, data.draw(st.sampled_from(STATUSES))), start=start, end=end)
        for start, end in spans
    ]
    plain = drawn(answer(text, *figures)).plain
    for sign in SIGNS.values():
        plain = plain.replace(sign, "")
    assert plain == text


def test_the_line_under_an_answer_counts_and_names() -> None:
    text = "1 2 3 4 5 6"
    figures = [
        figure("1", text),
        figure("2", text),
        figure("3", text, "computed", "1 + 2 = 3"),
        figure("4", text, "found elsewhere"),
        figure("5", text, "not found"),
    ]
    said = [part for _, part in figure_parts(answer(text, *figures, uncited=((0, 1),)))]
    assert said == [
        "✓ 2 figures found in cited passages",
        "≈ 1 computed: 1 + 2 = 3",
        "? 1 elsewhere: 4 in [2]",
        "✗ 1 not found: 5",
        "! 1 sentence without a source",
    ]
    assert figure_parts(answer("No figure at all.")) == []
