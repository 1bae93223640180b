from __future__ import annotations

import re
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragopt_tui.chat.citations import cite, cite_answer, parse_citations
from ragopt_tui.knowledge.passage import Hit, Passage, Profile


def passage(
    text: str,
    line_start: int = 10,
    char_start: int = 1000,
    kind: Literal["prose", "table"] = "prose",
) -> Passage:
    return Passage(
        id="p",
        file="report.md",
        page=None,
        line_start=line_start,
        line_end=line_start + text.count("\n"),
        char_start=char_start,
        char_end=char_start + len(text),
        kind=kind,
        headings=(),
        lead="",
        text=text,
        profile=Profile(),
    )


@pytest.mark.parametrize(
    ("text", "numbers", "dangling"),
    [
        ("Revenue rose [1].", (1,), ()),
        ("Revenue rose [1, 2].", (1, 2), ()),
        ("Revenue rose [1,2;3].", (1, 2, 3), ()),
        ("Revenue rose [3][1].", (3, 1), ()),
        ("Revenue rose [1-3].", (1, 2, 3), ()),
        ("Revenue rose [1–2, 4].", (1, 2, 4), ()),
        ("Revenue rose [2] and fell [2].", (2,), ()),
        ("Revenue rose [0] [5] [1].", (1,), (0, 5)),
        ("Revenue rose [3-6].", (3, 4), (5, 6)),
        ("In fiscal [2023] revenue rose.", (), ()),
        ("See [1](https://example.com) and [[2]](x).", (), ()),
        ("See ![1] and \\[2] and `x[3]`.", (), ()),
        ("```\na[1]\n```\nthen [2]", (2,), ()),
        ("~~~\na[1]\n", (), ()),
        ("Escaped \\` is [1] no \\` code.", (1,), ()),
        ("A lone ` does not hide [1].", (1,), ()),
        ("One `\n\nparagraph [1] ` ends it.", (1,), ()),
        ("[] [a] [1.5] [-1] [1,] [ 1 ]", (), ()),
    ],
)
def test_citations_are_found_and_nothing_else(
    text: str, numbers: tuple[int, ...], dangling: tuple[int, ...]
) -> None:
    parsed = parse_citations(text, evidence_count=4)
    assert (parsed.numbers, parsed.dangling) == (numbers, dangling)


PIECES = "[1]|[2, 3]|[4-6]|[99]|[0]|[1](x)|`|``|```|~~~|\n|\n\n|[|]|(|)|a| |!|\\|é|😀|.|1|-|,"
MARKED = st.lists(st.sampled_from(PIECES.split("|")), max_size=40).map("".join)


@given(MARKED | st.text(max_size=200), st.integers(0, 8))
def test_spans_are_brackets_of_the_text_in_order(text: str, count: int) -> None:
    parsed = parse_citations(text, count)
    last = 0
    for span in parsed.spans:
        assert last <= span.start < span.end
        assert re.fullmatch(r"\[[\d\s,;–-]+\]", text[span.start : span.end])
        last = span.end
    in_spans = [number for span in parsed.spans for number in span.numbers]
    assert set(in_spans) == set(parsed.numbers) | set(parsed.dangling)
    assert all(1 <= n <= count for n in parsed.numbers)
    assert not any(1 <= n <= count for n in parsed.dangling)
    assert len(set(parsed.numbers)) == len(parsed.numbers)


@given(st.lists(st.integers(1, 999), min_size=1, max_size=6), st.sampled_from(["][", ", ", ","]))
def test_every_written_number_is_found(numbers: list[int], separator: str) -> None:
    text = f"Sales rose [{separator.join(map(str, numbers))}]."
    assert parse_citations(text, 999).numbers == tuple(dict.fromkeys(numbers))


@given(MARKED)
def test_text_inside_a_fence_cites_nothing(text: str) -> None:
    fenced = "~~~~\n" + text.replace("~", "") + "\n~~~~\n"
    assert parse_citations(fenced, 9).spans == ()


@given(st.text(alphabet="ab1. \n|", max_size=80), st.data())
def test_a_citation_quotes_the_exact_text_at_its_offsets(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    document = "x" * 7 + "\n" * 2 + text
    cited = cite(1, passage(text, line_start=3, char_start=9), start, end)
    assert document[cited.char_start : cited.char_end] == cited.quote == text[start:end]
    assert cited.line_start == document.count("\n", 0, cited.char_start) + 1
    last = max(cited.char_start, cited.char_end - 1)
    assert cited.line_end == document.count("\n", 0, last) + 1


@given(MARKED, st.text(alphabet="ab1. \n|-", max_size=60), st.sampled_from(["prose", "table"]))
def test_any_answer_cites_stretches_of_its_passages(
    text: str, evidence: str, kind: Literal["prose", "table"]
) -> None:
    hits = [Hit(passage(evidence, kind=kind), 1.0)] * 3
    citations = cite_answer(text, hits)
    assert tuple(c.n for c in citations) == parse_citations(text, 3).numbers
    assert all(evidence[c.char_start - 1000 : c.char_end - 1000] == c.quote for c in citations)


def test_the_sentence_with_the_answers_figures_is_quoted() -> None:
    text = "Sales were weak early.\nNet revenue was $4.2 billion in 2023. Margin was 14.2 %."
    hits = [Hit(passage("Nothing of note."), 1.0), Hit(passage(text), 0.5)]
    (cited,) = cite_answer("The margin reached 14.2 % [2].", hits)
    assert cited.quote == "Margin was 14.2 %."
    assert (cited.n, cited.line_start, cited.line_end) == (2, 11, 11)
    (cited,) = cite_answer("Net revenue was $4.2 billion in 2023. [2]", hits)
    assert cited.quote == "Net revenue was $4.2 billion in 2023."


def test_a_table_row_is_quoted_whole() -> None:
    text = (
        "| Segment | 2022 | 2023 |\n|---|---|---|\n| Retail | 10.5 | 12.9 |\n| Other | 1.1 | 1.3 |"
    )
    (cited,) = cite_answer("Retail made 12.9 in 2023 [1].", [Hit(passage(text, kind="table"), 1.0)])
    assert cited.quote == "| Retail | 10.5 | 12.9 |"
    assert cited.line_start == cited.line_end == 12


def test_each_number_quotes_what_its_own_line_says() -> None:
    text = "Revenue was 5. Margin was 9. Debt was 7."
    answer = "- Margin was 9 [1]\n- Debt was 7 [2]\n"
    first, second = cite_answer(answer, [Hit(passage(text), 1.0)] * 2)
    assert (first.quote, second.quote) == ("Margin was 9.", "Debt was 7.")
