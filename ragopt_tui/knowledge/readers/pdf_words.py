"""Words of a PDF page with their places, as the program that drew them put them."""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pypdfium2
import pypdfium2.raw as pdfium

from ragopt_tui.knowledge.readers.pdf_lines import Word

_BOLD = re.compile(r"bold|black|heavy|semibold|demi", re.IGNORECASE)
_BOLD_WEIGHT = 600
_LIGATURES = {
    "\ufb00": "ff",
    "\ufb01": "fi",
    "\ufb02": "fl",
    "\ufb03": "ffi",
    "\ufb04": "ffl",
    "\ufb05": "st",
    "\ufb06": "st",
}
_HYPHENS = frozenset((0x02, 0xAD))
"""What PDFium gives for a hyphen at a line's end, and the soft hyphen."""
_GAP_IN_WORD = 0.55
"""Letters farther apart than this share of their size belong to different words."""


@dataclass(frozen=True, slots=True)
class Side:
    """The words of a page that run in one direction, turned upright; sizes in points."""

    words: list[Word]
    top: float
    bottom: float


@dataclass(slots=True)
class _Style:
    size: float
    bold: bool
    angle: int


def sides_of(page: pypdfium2.PdfPage) -> list[Side]:
    """Give a page's words by the direction they run in, the most used direction first."""
    width, height = page.get_width(), page.get_height()
    if page.get_rotation() in (90, 270):
        width, height = height, width
    text = page.get_textpage()
    by_angle: dict[int, list[Word]] = {}
    try:
        for angle, word in _words(text.raw, text.count_chars()):
            by_angle.setdefault(angle, []).append(word)
    finally:
        text.close()
    most = Counter({angle: len(words) for angle, words in by_angle.items()}).most_common()
    return [Side(by_angle[angle], *_edges(angle, width, height)) for angle, _ in most]


def _edges(angle: int, width: float, height: float) -> tuple[float, float]:
    """Where an upright page's top and bottom lie, counted downwards from the origin."""
    return {0: (-height, 0.0), 90: (0.0, width), 180: (0.0, height), 270: (-width, 0.0)}[angle]


def _words(text: pdfium.FPDF_TEXTPAGE, count: int) -> Iterator[tuple[int, Word]]:
    """Put letters together into words: a blank, a gap or another line parts them."""
    box = pdfium.FS_RECTF()
    letters: list[str] = []
    style = _Style(0.0, False, 0)
    left = right = base = foot = 0.0
    for index in range(count):
        code = pdfium.FPDFText_GetUnicode(text, index)
        if code in _HYPHENS:
            letters.append("-")
            continue
        letter = _letter(code)
        if letter == " ":
            if letters:
                yield style.angle, Word("".join(letters), left, right, base, style.size, style.bold)
                letters = []
            continue
        pdfium.FPDFText_GetLooseCharBox(text, index, ctypes.byref(box))
        start, end, low = _upright(style.angle, box)
        if letters and (
            abs(low - foot) > 0.2 * style.size
            or start - right > _GAP_IN_WORD * style.size
            or start < left - 0.2 * style.size
        ):
            yield style.angle, Word("".join(letters), left, right, base, style.size, style.bold)
            letters = []
        if not letters:
            style = _style(text, index)
            left, right, foot = _upright(style.angle, box)
            base, end = _baseline(text, index, style.angle), right
        letters.append(letter)
        right = max(right, end)
    if letters:
        yield style.angle, Word("".join(letters), left, right, base, style.size, style.bold)


@cache
def _letter(code: int) -> str:
    """Give the letter of a code, and a blank for what only parts words."""
    letter = chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else " "
    if letter.isspace() or letter < " " or letter == "\x7f":
        return " "
    return _LIGATURES.get(letter, letter)


def _style(text: pdfium.FPDF_TEXTPAGE, index: int) -> _Style:
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(text, index, ctypes.byref(matrix))
    scale = math.hypot(matrix.c, matrix.d) or 1.0
    size = pdfium.FPDFText_GetFontSize(text, index) * scale
    angle = round(math.degrees(math.atan2(matrix.b, matrix.a)) / 90) * 90 % 360
    bold = pdfium.FPDFText_GetFontWeight(text, index) >= _BOLD_WEIGHT
    return _Style(max(size, 1.0), bold or _BOLD.search(_font(text, index)) is not None, angle)


def _font(text: pdfium.FPDF_TEXTPAGE, index: int) -> str:
    name = ctypes.create_string_buffer(128)
    pdfium.FPDFText_GetFontInfo(text, index, name, len(name), None)
    return name.value.decode(errors="replace")


def _baseline(text: pdfium.FPDF_TEXTPAGE, index: int, angle: int) -> float:
    """Give where a letter stands, counted downwards."""
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(text, index, ctypes.byref(x), ctypes.byref(y))
    return {0: -y.value, 90: x.value, 180: y.value, 270: -x.value}[angle]


def _upright(angle: int, box: pdfium.FS_RECTF) -> tuple[float, float, float]:
    """Give where a letter starts and ends along its line, and how low its box reaches."""
    if angle == 0:
        return box.left, box.right, -box.bottom
    if angle == 90:
        return box.bottom, box.top, box.right
    if angle == 180:
        return -box.right, -box.left, box.top
    return -box.top, -box.bottom, -box.left
