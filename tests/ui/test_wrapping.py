"""Lines as rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ragopt_tui.ui.wrapping import Rows, breaks

WORDS = st.text(alphabet="ab, 7é決🙂\u0301", max_size=120)


@given(WORDS, st.integers(10, 40))
def test_rows_give_back_the_line_and_fit(line: str, width: int) -> None:
    starts = breaks(line, width)
    rows = [line[a:b] for a, b in zip(starts, [*starts[1:], len(line)], strict=True)]
    assert "".join(rows) == line
    assert starts[0] == 0
    # A row may end with the space it broke behind, which is not seen.
    assert all(cell_len(row.rstrip(" ")) <= width for row in rows)


@given(st.lists(WORDS, min_size=1, max_size=20), st.integers(10, 40))
def test_each_row_knows_its_line(lines: list[str], width: int) -> None:
    rows = Rows(lines, width)
    found = [rows.line_of(row) for row in range(len(rows))]
    expected = [(i, n) for i, line in enumerate(lines) for n in range(len(breaks(line, width)))]
    assert found == expected


def test_rows_break_behind_words() -> None:
    line = "Operating margin was 14.2 % in fiscal 2023"
    assert breaks(line, 24) == [0, 21]
