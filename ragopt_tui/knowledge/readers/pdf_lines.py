"""Lines of a PDF page from its words: what stands on one baseline, parted where gaps are wide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, pairwise

from ragopt_tui.knowledge.table_lines import is_figure_cell

_SAME_LINE = 0.45
_CELL_GAP = 0.75
_HEADING_GAP = 0.45
_FIGURE_GAP = 0.45
_SPACED_LETTERS = 4
_BETWEEN_WORDS = 1.6
_RAISED = 0.15
_SMALL = 0.85
_LEADERS = re.compile(r"^[.…·_]{2,}$|^[.…·]$")
_TRAILING_LEADERS = re.compile(r"(?<=\S)[.…]{3,}$")
_SPACED = re.compile(r"^[-–−(]?(?:[$€£¥] ?)?\d{1,3}(?: \d{3})+(?:[.,]\d+)?\)?%?$")
_BEFORE_FIGURE = re.compile(
    r"^(?:[-–−]?\(?(?:US|C|A|HK)?[$€£¥](?:\(|[-–−])?|\(|[-–−]|USD|EUR|GBP)$"
)
_APART = re.compile(r"(?<=\d) (?=(?:\)|%|\)%|%\))$)|(?<=\d\)) (?=%$)")
_AFTER_FIGURE = re.compile(r"^(?:\)|%|\)%|%\)|x|bps|pts?|pp)$")


@dataclass(frozen=True, slots=True)
class Word:
    """A word from `left` to `right` on the baseline `base`, counted downwards; all in points."""

    text: str
    left: float
    right: float
    base: float
    size: float
    bold: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """Words of a line without a wide gap between them.

    `core` is where its figure's digits begin, without a currency sign; `left` where it is none.
    """

    text: str
    left: float
    right: float
    is_figure: bool
    core: float

    @property
    def middle(self) -> float:
        """The point halfway along."""
        return (self.left + self.right) / 2


@dataclass(frozen=True)
class Line:
    """Words on one baseline, from left to right."""

    words: tuple[Word, ...]

    @cached_property
    def base(self) -> float:
        """The baseline: that of the largest word."""
        return max(self.words, key=lambda word: word.size).base

    @cached_property
    def size(self) -> float:
        """The largest size of its words."""
        return max(word.size for word in self.words)

    @property
    def left(self) -> float:
        """Where the first word begins."""
        return self.words[0].left

    @cached_property
    def right(self) -> float:
        """Where the last word ends."""
        return max(word.right for word in self.words)

    @cached_property
    def bold(self) -> bool:
        """Whether every word is bold."""
        return all(word.bold for word in self.words)

    @cached_property
    def text(self) -> str:
        """The words, two spaces apart where a column's width is between them."""
        parts = [self.words[0].text]
        for before, word in pairwise(self.words):
            parts.append("  " if word.left - before.right > 2 * self.size else " ")
            parts.append(word.text)
        return "".join(parts)

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The line's cells: leaders are left out, signs that stand apart joined to their figures."""
        return tuple(_cells(self, _CELL_GAP))

    @cached_property
    def heading_cells(self) -> tuple[Cell, ...]:
        """The line's cells if it heads columns, which may stand close together."""
        return tuple(_cells(self, _HEADING_GAP))


def lines_of(words: Iterable[Word]) -> list[Line]:
    """Give the lines of words in any order, from top to bottom."""
    groups: list[list[Word]] = []
    base, size = 0.0, 0.0
    for word in sorted(words, key=lambda word: (word.base, word.left)):
        if groups and word.base - base <= _SAME_LINE * max(size, word.size):
            groups[-1].append(word)
            if word.size > size:
                base, size = word.base, word.size
        else:
            groups.append([word])
            base, size = word.base, word.size
    in_order = [sorted(group, key=lambda word: word.left) for group in groups]
    return [Line(tuple(_with_letters_joined(group))) for group in in_order]


def _with_letters_joined(words: Sequence[Word]) -> list[Word]:
    """Put words together that are set with a space behind each letter: C A S H."""
    result: list[Word] = []
    for is_spaced, group in groupby(words, key=lambda word: len(word.text) == 1):
        letters = list(group)
        gaps = [word.left - before.right for before, word in pairwise(letters)]
        usual = sorted(gaps)[len(gaps) // 2] if gaps else 0.0
        if not is_spaced or len(letters) < _SPACED_LETTERS or usual > _CELL_GAP * letters[0].size:
            result += letters
            continue
        joined = letters[0]
        for gap, letter in zip(gaps, letters[1:], strict=True):
            if gap > _BETWEEN_WORDS * usual:
                result.append(joined)
                joined = letter
            else:
                joined = replace(joined, text=joined.text + letter.text, right=letter.right)
        result.append(joined)
    return result


def _cells(line: Line, gap: float) -> list[Cell]:
    groups: list[list[Word]] = []
    for word in _without_leaders(line):
        if groups and not _parted(groups[-1][-1], word, line.size, gap):
            groups[-1].append(word)
        else:
            groups.append([word])
    return _with_signs_joined([_cell(group) for group in groups])


def _without_leaders(line: Line) -> list[Word]:
    """Drop rows of dots, and raised footnote marks behind figures."""
    kept: list[Word] = []
    for word in line.words:
        if word.text[0] in ".…·_" and kept and _LEADERS.match(word.text):
            continue
        is_raised = line.base - word.base > _RAISED * line.size and word.size < _SMALL * line.size
        if is_raised and kept and is_figure_cell(kept[-1].text):
            continue
        has_leaders = word.text[-1] in ".…"
        text = _TRAILING_LEADERS.sub("", word.text) if has_leaders else word.text
        kept.append(replace(word, text=text) if text != word.text else word)
    return kept


def _parted(before: Word, word: Word, size: float, least: float) -> bool:
    gap = word.left - before.right
    if gap <= _FIGURE_GAP * size or gap > least * size:
        return gap > least * size
    return _is_figure_like(before.text) and _is_figure_like(word.text)


def _is_figure_like(text: str) -> bool:
    return is_figure_cell(text) or _BEFORE_FIGURE.match(text) is not None


def _cell(words: Sequence[Word]) -> Cell:
    text = _APART.sub("", " ".join(word.text for word in words))
    core = words[0].left
    if len(words) > 1 and _BEFORE_FIGURE.match(words[0].text) and is_figure_cell(words[1].text):
        core = words[1].left
        text = text.replace(" ", "", 1)
    return Cell(text, words[0].left, words[-1].right, _is_figure(text), core)


def _is_figure(text: str) -> bool:
    """Say whether a cell is a figure; a bracket that only closes is the end of some words."""
    if ")" in text and "(" not in text:
        return False
    return is_figure_cell(text) or _SPACED.match(text) is not None


def _with_signs_joined(cells: Sequence[Cell]) -> list[Cell]:
    joined: list[Cell] = []
    for cell in cells:
        before = joined[-1] if joined else None
        if before and cell.is_figure and _BEFORE_FIGURE.match(before.text):
            joined[-1] = Cell(before.text + cell.text, before.left, cell.right, True, cell.core)
        elif before and before.is_figure and _AFTER_FIGURE.match(cell.text):
            joined[-1] = Cell(before.text + cell.text, before.left, cell.right, True, before.core)
        else:
            joined.append(cell)
    return joined
