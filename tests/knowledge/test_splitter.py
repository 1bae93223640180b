"""Passages follow the structure, fit the embedder and give back the document's exact text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragopt_tui.knowledge.document import Block, Document
from ragopt_tui.knowledge.markdown_structure import markdown_blocks
from ragopt_tui.knowledge.packing import PROSE_TARGET
from ragopt_tui.knowledge.passage import Passage, Profile, searchable
from ragopt_tui.knowledge.plain_structure import plain_blocks
from ragopt_tui.knowledge.readers.delimited import delimited_blocks
from ragopt_tui.knowledge.splitter import split
from ragopt_tui.knowledge.structure import is_rule, title_of

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Embedder

LIMIT = 256


def count_pieces(texts: Sequence[str]) -> list[int]:
    """Tokens as a word-piece tokenizer has them: pieces of words, marks, and two special ones."""
    return [2 + len(re.findall(r"\w{1,6}|[^\w\s]", text)) for text in texts]


def count_bytes(texts: Sequence[str]) -> list[int]:
    """Tokens as a tokenizer has them that sees white space: joined texts cost more than their sum."""
    shrunk = [re.sub(r"\s*\n\s*", "\n", text) for text in texts]
    return [1 + len(text.encode("utf-8", "replace")) // 3 + text.count("\n") for text in shrunk]


def document_of(
    text: str, find: Callable[[str], tuple[Block, ...]] = markdown_blocks, file: str = "a.md"
) -> Document:
    blocks = find(text)
    count = text.count("\n") + 1
    numbers = tuple(range(1, count + 1))
    return Document(file, title_of(text, blocks, file), text, blocks, numbers, (0,) * count)


def passages_of(text: str, limit: int = LIMIT, file: str = "a.md") -> list[Passage]:
    find = delimited_blocks if file.endswith(".csv") else markdown_blocks
    return split(document_of(text, find, file), Profile(), count_pieces, limit)


def rows(count: int) -> str:
    return "\n".join(f"| Segment {n} | {n * 1234:,} | {n * 321:,} | {n}.5% |" for n in range(count))


TABLE = "**Table 4 — Segments** (in millions)\n\n| Segment | 2024 | 2023 | Change |\n|---|---|---|---|\n"


def test_a_passage_never_crosses_a_heading_and_knows_its_path() -> None:
    source = "# Report\n\nOne.\n\n## Risk\n\nTwo.\n\n### Credit\n\nThree.\n\n## Outlook\n\nFour.\n"
    found = [(passage.headings, passage.text) for passage in passages_of(source)]
    assert found == [
        (("Report",), "One."),
        (("Report", "Risk"), "Two."),
        (("Report", "Risk", "Credit"), "Three."),
        (("Report", "Outlook"), "Four."),
    ]


def test_a_title_that_is_in_the_profile_is_not_repeated_in_the_path() -> None:
    document = document_of("# Report\n\n## Risk\n\nTwo.\n")
    (passage,) = split(document, Profile(title="Report"), count_pieces, LIMIT)
    assert passage.headings == ("Risk",)
    assert passage.indexed_text == "Report\nRisk\nTwo."


def test_short_paragraphs_share_a_passage_and_long_ones_do_not() -> None:
    short = "\n\n".join(f"Paragraph {n} says a little thing." for n in range(6))
    assert len(passages_of(short)) == 1
    long = "\n\n".join("Some words go here to fill it up again. " * 15 for _ in range(4))
    found = passages_of(long)
    assert len(found) == 4
    assert all(count_pieces([passage.text])[0] > 100 for passage in found)


def test_a_long_paragraph_is_cut_at_sentence_ends_into_like_parts() -> None:
    sentences = [f"Sentence number {n} tells of the year and its results." for n in range(60)]
    found = passages_of(" ".join(sentences))
    assert len(found) > 2
    assert all(passage.text.endswith(".") for passage in found)
    sizes = [count_pieces([passage.text])[0] for passage in found]
    assert max(sizes) - min(sizes) < 40
    assert max(sizes) <= PROSE_TARGET + 20


def test_a_sentence_too_long_is_cut_between_words_and_a_word_anywhere() -> None:
    found = passages_of("word " * 900 + "x" * 9000)
    assert all(count_pieces([passage.indexed_text])[0] <= LIMIT for passage in found)
    assert all(re.fullmatch(r"(?:word ?)+", passage.text) for passage in found[:3])
    assert "".join("".join(passage.text.split()) for passage in found) == "word" * 900 + "x" * 9000


def test_a_line_that_introduces_a_list_stays_with_it() -> None:
    filler = "Filling words stand here. " * 29
    items = "Our priorities for the year are:\n\n- Repay the loan" + ", and do it soon" * 12 + "."
    assert passages_of(f"{filler}\n\n{items}\n")[-1].text == items


def test_a_table_that_fits_is_whole_with_its_caption() -> None:
    source = f"# R\n\nProse before.\n\n{TABLE}{rows(5)}\n\nProse after.\n"
    before, table, after = passages_of(source)
    assert (before.kind, table.kind, after.kind) == ("prose", "table", "prose")
    assert table.text == TABLE + rows(5)
    assert table.lead == ""


def test_a_table_that_is_cut_repeats_caption_and_header_without_its_rule() -> None:
    found = passages_of(f"{TABLE}{rows(60)}\n")
    assert len(found) > 3
    assert found[0].text.startswith("**Table 4")
    assert found[0].lead == ""
    for passage in found[1:]:
        assert passage.lead == (
            "Table 4 — Segments (in millions)\n| Segment | 2024 | 2023 | Change |"
        )
        assert passage.text.startswith("| Segment ")
        assert passage.text.endswith("% |")
        assert count_pieces([passage.indexed_text])[0] <= LIMIT


@pytest.mark.parametrize("count", range(9, 30))
def test_the_pieces_of_a_table_are_about_equal(count: int) -> None:
    pieces = passages_of(f"{TABLE}{rows(count)}\n", limit=160)
    lines = [passage.text.count("| Segment ") - ("2024" in passage.text) for passage in pieces]
    assert sum(lines) == count
    assert max(lines) - min(lines) <= 3


def test_a_rule_below_a_table_is_no_passage_of_its_own() -> None:
    body = "\n".join(f"Segment {n}    {n * 1234:,}    {n * 321:,}" for n in range(40))
    text = f"Item    2024    2023\n{'-' * 60}\n{body}\n{'-' * 60}\n"
    found = split(document_of(text, plain_blocks, "a.txt"), Profile(), count_pieces, 128)
    assert len(found) > 2
    assert not any(is_rule(passage.text) for passage in found)


def test_the_name_of_a_group_of_rows_is_not_left_at_the_end_of_a_piece() -> None:
    group = "\n".join(
        f"| Group {'abcdefgh'[n]} | | |\n"
        + "\n".join(f"| Item | {n}{m}.5 | 4.5 |" for m in range(7))
        for n in range(8)
    )
    found = passages_of(f"| Item | 2024 | 2023 |\n|---|---|---|\n{group}\n", limit=128)
    assert len(found) > 3
    assert not any("Group" in passage.text.split("\n")[-1] for passage in found)


def test_a_piece_that_begins_within_a_group_of_rows_repeats_its_name() -> None:
    def items(word: str) -> str:
        return "".join(f"| {word} {n} | {n}1.5 | {n}4.5 |\n" for n in range(12))

    found = passages_of(
        "| Item | 2024 | 2023 |\n|---|---|---|\n| **Current assets:** | | |\n"
        f"{items('Asset')}| Total current assets | 99.5 | 98.5 |\n{items('Plant')}"
        f"| Liabilities | | |\n{items('Debt')}",
        limit=128,
    )
    header = "| Item | 2024 | 2023 |"
    leads = {"Asset": f"{header}\n› Current assets:", "Plant": header}
    leads |= {"Debt": f"{header}\n› Liabilities", "Total": f"{header}\n› Current assets:"}
    begun = [re.findall(r"\w+", passage.text)[0] for passage in found[1:]]
    assert {"Asset", "Plant", "Debt"} <= set(begun)
    assert [passage.lead for passage in found[1:]] == [leads.get(word, header) for word in begun]
    assert all(count_pieces([passage.indexed_text])[0] <= 128 for passage in found)


def test_the_name_of_a_group_is_repeated_on_the_next_page_but_a_note_is_not() -> None:
    text = (
        "Item  2024  2023\nCurrent assets:\nCash  45.1  38.2\nStock  12.0  13.0\n"
        "See the notes on the pages that follow.\nTax  1.0  2.0"
    )
    block = Block("table", 0, len(text), header_end=text.index("\n"))
    pages = Document("a.pdf", "", text, (block,), (1, 2, 3, 1, 2, 1), (1, 1, 1, 2, 2, 3))
    _, second, third = split(pages, Profile(), count_pieces, LIMIT)
    assert second.lead == "Item  2024  2023\n› Current assets:"
    assert third.lead == "Item  2024  2023"


def test_a_caption_that_is_not_in_the_text_leads_a_whole_table() -> None:
    text = "| a | 2024 |\n| b | 5 |"
    block = Block("table", 0, len(text), header_end=13, caption="Debt (in thousands)")
    document = Document("a.md", "", text, (block,), (1, 2), (0, 0))
    (passage,) = split(document, Profile(), count_pieces, LIMIT)
    assert passage.lead == "Debt (in thousands)"


def test_csv_rows_over_several_lines_are_not_cut() -> None:
    row = '"a note\nin two lines",1577,1402\n'
    found = passages_of("note,2024,2023\n" + row * 60, file="seg.csv")
    assert len(found) > 2
    assert all(passage.text.count('"') % 2 == 0 for passage in found)
    assert found[1].lead == "note,2024,2023"
    assert found[1].text.startswith('"a note')


def test_a_header_too_wide_to_repeat_is_shortened_not_dropped() -> None:
    header = ",".join(f"a_long_name_of_column_{n}" for n in range(60))
    row = ",".join(str(n * 1577) for n in range(60))
    found = passages_of("\n".join([header, *[row] * 5]), file="wide.csv")
    assert all(count_pieces([passage.indexed_text])[0] <= LIMIT for passage in found)
    assert found[-1].lead.startswith("a_long_name_of_column_0,")


def test_a_table_on_two_pages_is_cut_between_them_and_keeps_its_header() -> None:
    text = "Item  2024  2023\nCash  45.1  38.2\nDebt  12.0  13.0\nTotal  33.1  25.2\nTax  1.0  2.0"
    (block,) = plain_blocks(text)
    document = Document("a.pdf", "", text, (block,), (1, 2, 3, 1, 2), (1, 1, 1, 2, 2))
    first, second = split(document, Profile(), count_pieces, LIMIT)
    assert (first.page, first.line_start, first.line_end) == (1, 1, 3)
    assert (second.page, second.line_start, second.line_end) == (2, 1, 2)
    assert second.lead == "Item  2024  2023"


def test_passages_do_not_cross_pages() -> None:
    text = "One sentence here.\n\nAnother sentence there."
    document = Document("a.pdf", "", text, plain_blocks(text), (1, 2, 1), (1, 1, 2))
    assert [passage.page for passage in split(document, Profile(), count_pieces, LIMIT)] == [1, 2]


def test_who_speaks_leads_passages_that_begin_within_the_speech() -> None:
    speech = "Operating income was 28.9 million. Free cash flow was 3.1 million. " * 30
    source = (
        "Operator\nGood morning everyone on the line.\n\nJane Doe\nThank you for that.\n\n"
        f"Peter Marsh, CFO\n{speech}\n\nOperator\nThe next question.\n\nJane Doe\nYes, that is so.\n"
    )
    document = document_of(source, plain_blocks, "call.txt")
    found = split(document, Profile(), count_pieces, LIMIT)
    within = [passage for passage in found if passage.text.startswith(("Operating", "Free"))]
    assert len(within) >= 2
    assert {passage.lead for passage in within} == {"Peter Marsh, CFO"}
    assert [passage.lead for passage in found if "Operator" in passage.text] == ["", ""]


def test_a_document_of_headings_alone_still_has_passages() -> None:
    (passage,) = passages_of("# One\n\n## Two\n")
    assert passage.text == "# One\n\n## Two"


def test_rules_and_leader_dots_cost_no_tokens() -> None:
    assert searchable("| a |\n|---|\nCash ....... 5\n=====\n") == "| a |\nCash  5\n"


def test_ids_are_unique_and_the_same_each_time() -> None:
    source = f"# R\n\nText.\n\n{TABLE}{rows(40)}\n"
    ids = [passage.id for passage in passages_of(source)]
    assert ids == [f"a.md#{number}" for number in range(len(ids))]
    assert ids == [passage.id for passage in passages_of(source)]


PIECES = st.one_of(
    st.sampled_from(
        [
            *("# Title", "## Part one", "CAPITALS", "A sentence. And one more!", "- item", "Jane:"),
            *(
                "| a | 2024 |\n|---|---|\n| x | 1.5 |\n| y | 2 |",
                "Item  2024  2023\nA  1  2\nB  3  4",
            ),
            *("", "", "====", "(in millions)", "```\ncode\n```", "long sentence " * 40, "z" * 300),
            *("Revenue of $4.1 million rose by 5%. " * 12, "a,b,c\n1,2,3", "Ω–é " * 30, "..... 5"),
        ]
    ),
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r"), max_size=40),
)
FINDERS = st.sampled_from(
    [(markdown_blocks, "a.md"), (plain_blocks, "a.txt"), (delimited_blocks, "a.csv")]
)


@settings(max_examples=150, deadline=None)
@given(
    pieces=st.lists(PIECES, max_size=12),
    gap=st.sampled_from(["\n", "\n\n"]),
    finder=FINDERS,
    limit=st.sampled_from([24, 64, 256]),
    count=st.sampled_from([count_pieces, count_bytes]),
)
def test_passages_give_back_the_exact_text_once_and_within_the_limit(
    pieces: list[str],
    gap: str,
    finder: tuple[Callable[[str], tuple[Block, ...]], str],
    limit: int,
    count: Callable[[Sequence[str]], list[int]],
) -> None:
    text = gap.join(pieces)
    document = document_of(text, *finder)
    profile = Profile(title="T")
    passages = split(document, profile, count, limit)
    at = 0
    covered: set[int] = set()
    for number, passage in enumerate(passages):
        assert passage.text == text[passage.char_start : passage.char_end]
        assert passage.text.strip()
        assert passage.char_start >= at
        assert passage.id == f"{document.file}#{number}"
        assert passage.line_start <= passage.line_end
        at = passage.char_end
        covered.update(range(passage.char_start, passage.char_end))
        before = "\n".join((profile.header, " › ".join(passage.headings), passage.lead))
        if count([before])[0] < 3 * limit // 4 - 3:
            assert count([passage.indexed_text])[0] <= limit
    headings = [block for block in document.blocks if block.kind == "heading"]
    for block in document.blocks:
        lines = text[block.start : block.end].split("\n")
        offset = block.start
        for line in lines:
            if block not in headings and not is_rule(line):
                missing = [c for i, c in enumerate(line, offset) if i not in covered and c.strip()]
                assert not missing
            offset += len(line) + 1


def test_real_tokens_fit_the_real_embedder(embedder: Embedder) -> None:
    prose = "Consolidated EBITDA (as adjusted) was €1,577.2m, i.e. 12.4% above FY2023's. " * 40
    source = f"# Veldmark N.V. — Annual Report 2024\n\n{prose}\n\n{TABLE}{rows(40)}\n"
    document = document_of(source)
    profile = Profile(title="Veldmark N.V. — Annual Report 2024", form="annual report")
    passages = split(document, profile, embedder.count_tokens, embedder.max_tokens)
    counts = embedder.count_tokens([passage.indexed_text for passage in passages])
    assert max(counts) <= embedder.max_tokens
    assert min(counts) > 60


@pytest.mark.parametrize(
    "text",
    [
        "One sentence after another. " * 20_000,
        "x" * 400_000,
        "word " * 100_000,
        "\n" * 400_000 + "x",
        "(((( " * 60_000,
        '"' + "a,b\n" * 40_000,
    ],
    ids=["sentences", "one word", "words", "blank lines", "brackets", "open quote"],
)
@pytest.mark.parametrize("find", [plain_blocks, delimited_blocks])
def test_long_lines_and_files_become_passages_of_bounded_length(
    text: str, find: Callable[[str], tuple[Block, ...]]
) -> None:
    document = document_of(text, find, "a.csv" if find is delimited_blocks else "a.txt")
    passages = split(document, Profile(), count_pieces, LIMIT)
    assert max(len(passage.text) for passage in passages) < 20_000
