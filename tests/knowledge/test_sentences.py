from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragopt_tui.knowledge.sentences import sentence_spans


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Revenue rose. Costs fell.", ["Revenue rose.", "Costs fell."]),
        ("It was $4.2 billion in total. Fine.", ["It was $4.2 billion in total.", "Fine."]),
        (
            "Mr. J. Smith of Acme Inc. spoke. He left.",
            ["Mr. J. Smith of Acme Inc. spoke.", "He left."],
        ),
        ("The U.S. market grew, e.g. in Ohio.", ["The U.S. market grew, e.g. in Ohio."]),
        ('She said: "Good." Then left.', ['She said: "Good."', "Then left."]),
        ("Margin was 14.2 %. (4) was lost.", ["Margin was 14.2 %.", "(4) was lost."]),
        ("A line\nthat wraps. Next one.", ["A line\nthat wraps.", "Next one."]),
        ("- one thing\n- another thing", ["- one thing", "- another thing"]),
        ("No stop at the end\n\nA second paragraph", ["No stop at the end", "A second paragraph"]),
        ("See Note No. 3 for details.", ["See Note No. 3 for details."]),
        (
            "It paid Rs. 701.9 crore, or 4,2 Mio. €. Fine.",
            ["It paid Rs. 701.9 crore, or 4,2 Mio. €.", "Fine."],
        ),
        ("", []),
        ("  \n ", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet=st.sampled_from("Ab. 1!?\n-\"')[]$é"), max_size=200))
def test_spans_are_ordered_and_hold_everything_but_white_space(text: str) -> None:
    spans = sentence_spans(text)
    assert all(a < b for a, b in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    outside = set(range(len(text))) - {i for a, b in spans for i in range(a, b)}
    assert all(text[i].isspace() for i in outside)
