"""What a right answer says of a unit: a sentence word for word, or a row's label, column and value."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragopt_tui.chat.builtin_prompt import LONGEST_WORDS
from ragopt_tui.chat.builtin_rows import asked_columns, said_of_row
from recipes.builtin_model.lines import Line

_DRESS = re.compile(r"[\s*$€£¥()%-]|thousand|million|billion")


def statement(line: Line, cells: Sequence[tuple[str, str]]) -> str:
    """Say a line's answer, without citation; "" where that is not certain.

    Of a row, `cells` are those that answer.
    """
    if not line.cells:
        return line.words if len(line.words) < LONGEST_WORDS else ""
    return said_of_row(line.label, cells) if cells else ""


def gold_cells(line: Line, question: str, answers: Sequence[str]) -> list[tuple[str, str]]:
    """Give the column and value of a row that answer; empty where that is not certain.

    An answer string ends with the value meant (`| Net income | 4.8` means 4.8), which counts
    among the columns that the question asks for; else the only such column is meant.
    """
    columns = asked_columns(question, line.cells)
    ends = [part.rsplit("|", 1)[-1] for part in answers if "|" in part or len(part.split()) <= 6]
    meant = {_bare(end) for end in ends} - {""}
    named = [cell for cell in columns if _bare(cell[1]) in meant]
    certain = named or columns
    return certain if len(certain) == 1 else []


def _bare(text: str) -> str:
    return _DRESS.sub("", text.replace("–", "-").replace("−", "-").lower())
