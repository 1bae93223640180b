"""What a document is about: company, period and form, as it says itself or its file name does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from ragopt_tui.knowledge.document import Document
from ragopt_tui.knowledge.fiscal_period import full_year
from ragopt_tui.knowledge.passage import Profile
from ragopt_tui.knowledge.period_pieces import MONTH, ORDINAL, ORDINALS, YEAR
from ragopt_tui.knowledge.structure import readable_name, without_marks

_FIRST_CHARACTERS = 3_000
_FIRST_PARAGRAPHS = 40
_LONGEST_COMPANY = 70

_SUFFIX = (
    r"(?:Incorporated|Inc|Corporation|Corp|Company|Co|Limited|Ltd|LLC|LLP|L\.P|LP|plc|PLC|P\.L\.C|Group|"
    r"Holdings?|Bancorp|Bank|Trust|Fund|Partners|AG|SE|GmbH|N\.V|NV|S\.A|SA|S\.p\.A|SpA|AB|ASA|Oyj|A/S|"
    r"Bhd|Pty|KGaA|REIT|INCORPORATED|INC|CORPORATION|CORP|COMPANY|CO|LIMITED|LTD|GROUP|HOLDINGS?|"
    r"BANCORP|BANK|TRUST|FUND|PARTNERS)"
)
_NAME_WORD = r"(?:[A-Z0-9][\w'’&.\-]*|&|and|of|the|de|van|von)"
_COMPANY = re.compile(
    rf"(?<![\w.])(?!(?:19|20)\d\d\b|Copyright\b)((?:[A-Z0-9][\w'’&\-]*\.?,?\s+)(?:{_NAME_WORD},?\s+){{0,4}}?{_SUFFIX}"
    rf"(?:,?\s+{_SUFFIX})*\.?)(?![\w'])"
)
_DASH = re.compile(r"\s+[—–|:·-]+\s+|:\s+")
_DATE = rf"(?:{MONTH}\.?\s+\d{{1,2}},?\s+{YEAR}|\d{{1,2}}\s+{MONTH}\.?\s+{YEAR})"

_QUARTER = re.compile(
    rf"\b(?:Q([1-4])|([1-4])Q|({ORDINAL})[\s-]quarter)"
    rf"(?:\s+(?:results|report|earnings|call|of|for|ended|the))*[\s,'-]*(?:(?:fiscal|FY|CY)(?:\s+year)?[\s'-]*)?({YEAR}|\d\d)\b",
    re.IGNORECASE,
)
_QUARTER_AFTER = re.compile(
    rf"\b(?:FY|fiscal(?:\s+year)?)?[\s'-]*({YEAR})[\s,-]*(?:Q([1-4])|([1-4])Q)\b", re.IGNORECASE
)
_HALF = re.compile(
    rf"\b(?:H([12])|([12])H)[\s'-]*(?:FY|fiscal)?[\s'-]*({YEAR}|\d\d)\b", re.IGNORECASE
)
_FISCAL = re.compile(
    rf"\b(?:FY|fiscal(?:\s+year)?)[\s'-]*({YEAR}|\d\d)\b(?!\s*[-–]\s*\d)", re.IGNORECASE
)
_ENDED = re.compile(
    rf"\b(fiscal\s+)?((?:half[\s-]+)?years?|twelve\s+months|(?:three|six|nine)\s+months|quarter(?:ly\s+period)?|period)\s+"
    rf"(?:ended|ending)\s+(?:on\s+)?({_DATE})",
    re.IGNORECASE,
)
_AS_OF = re.compile(
    rf"\b(?:as\s+(?:of|at)|dated?:?)\s+({_DATE}|{MONTH}\.?\s+{YEAR})",
    re.IGNORECASE,
)
_BARE_YEAR = re.compile(rf"(?<![\w.,$])({YEAR})(?![\w,]|\.\d)")

_FORMS = (
    (
        "earnings call transcript",
        r"(?:earnings|conference|results)[\s_-]+call|call[\s_-]+transcript|\btranscript\b",
    ),
    ("credit memorandum", r"credit[\s_-]+(?:approval[\s_-]+)?memo(?:randum)?\b"),
    ("10-K", r"\b(?:form[\s_-]*)?10-?K(?:/?A)?\b"),
    ("10-Q", r"\b(?:form[\s_-]*)?10-?Q\b"),
    ("20-F", r"\b(?:form[\s_-]*)?20-F\b|\bform[\s_-]*20F\b"),
    ("8-K", r"\b(?:form[\s_-]*)?8-K\b|\b(?:form|(?:19|20)\d\d)[\s_-]*8K\b"),
    ("proxy statement", r"\bproxy[\s_-]+statement\b|\bDEF[\s_-]*14A\b"),
    (
        "segment results",
        r"\bsegment[\s_-]+(?:results|data|information|report)\b|\bresults[\s_-]+by[\s_-]+segment\b",
    ),
    (
        "fund report",
        r"\bfund\b[^.\n]{0,40}\b(?:report|letter|factsheet|fact sheet)\b|\bshareholder report\b",
    ),
    (
        "interim report",
        r"\b(?:interim|half[\s_-]year(?:ly)?)[\s_-]+(?:financial[\s_-]+)?(?:report|results)\b",
    ),
    ("annual report", r"\bannual[\s_-]+report\b"),
    (
        "quarterly report",
        r"\bquarterly[\s_-]+(?:report|results|update|review)\b|\bquarter\b[^.\n]{0,30}\breport\b|\breport\b[^.\n]{0,20}\bquarter\b",
    ),
    ("earnings release", r"\b(?:earnings|results)[\s_-]+(?:press[\s_-]+)?release\b"),
    ("prospectus", r"\bprospectus\b"),
    ("balance sheet", r"\bbalance[\s_-]+sheets?\b"),
)


def detect_profile(document: Document) -> Profile:
    """Give what title, first lines and file name say; a field is empty where none does."""
    stem = PurePosixPath(document.file).stem
    name = re.sub(r"[\s_.]+", " ", stem)
    paragraphs = _first_paragraphs(document)
    lines = [
        words for part in paragraphs for line in part.split("\n") if (words := without_marks(line))
    ]
    form = _form((document.title, name, *(line for line in lines[:12] if _is_heading_like(line))))
    return Profile(
        title=document.title,
        company=_company(document, lines, form),
        period=_period((document.title, name, *map(without_marks, paragraphs))),
        form=form,
    )


def _first_paragraphs(document: Document) -> list[str]:
    """What a reader sees first; of tables only the captions, whose figures would mislead."""
    paragraphs: list[str] = []
    for block in document.blocks:
        if block.start > _FIRST_CHARACTERS or len(paragraphs) >= _FIRST_PARAGRAPHS:
            break
        words = document.text[block.start : min(block.end, _FIRST_CHARACTERS)]
        paragraphs.append(block.caption if block.kind == "table" else words)
    return paragraphs


def _form(sources: Sequence[str]) -> str:
    for source in sources:
        found = [
            (match.start(), form)
            for form, pattern in _FORMS
            if (match := re.search(pattern, source, re.IGNORECASE))
        ]
        if found:
            return min(found, key=lambda pair: pair[0])[1]
    return ""


def _is_heading_like(line: str) -> bool:
    return len(line) <= 100 and not line.endswith((".", ",", ";"))


def _company(document: Document, lines: Sequence[str], form: str) -> str:
    for source in (document.title, *lines[:12]):
        names = [found[1].strip(" ,") for found in _COMPANY.finditer(source)]
        names = [name for name in names if len(name) <= _LONGEST_COMPANY]
        if names:  # who lends writes a credit memorandum; who borrows is named behind
            return names[-1] if form == "credit memorandum" else names[0]
    before = _DASH.split(document.title)[0].strip()
    if before != document.title and _is_name(before):
        return before
    return _company_of_name(document.file) if document.file else ""


def _is_name(words: str) -> bool:
    if len(words) > _LONGEST_COMPANY or not words[:1].isalnum():
        return False
    return not _period([words]) and not _form([words])


def _company_of_name(file: str) -> str:
    """The words of a file name before its form, year or quarter, if these follow."""
    words = readable_name(file).split()
    taken: list[str] = []
    for index, word in enumerate(words):
        rest = " ".join(words[index:])
        if _starts_with_form(rest) or re.match(
            rf"(?:FY|Q[1-4]|[1-4]Q|H[12])?\d*$|{YEAR}", word, re.IGNORECASE
        ):
            break
        taken.append(word)
    else:
        return ""
    return " ".join(word if not word.islower() else word.capitalize() for word in taken)


def _starts_with_form(words: str) -> bool:
    hyphened = re.sub(r"\b(10|20|8) ([KQF])\b", r"\1-\2", words, flags=re.IGNORECASE)
    return any(re.match(pattern, hyphened, re.IGNORECASE) for _, pattern in _FORMS)


def _period(sources: Sequence[str]) -> str:
    """The first period that a source names in full; else a year beside the title or the form."""
    for source in sources:
        period = _named_period(source)
        if period:
            return period
    beside_form = [source for source in sources[2:14] if len(source) <= 100 and _form([source])]
    for source in (*sources[:2], *beside_form):
        years = _BARE_YEAR.findall(source)
        if years:
            return str(max(years))
    return ""


def _named_period(source: str) -> str:
    if found := _QUARTER.search(source):
        quarter = found[1] or found[2] or ORDINALS[found[3].lower()]
        return _interim(f"Q{quarter}", found, found[4])
    if found := _QUARTER_AFTER.search(source):
        return _interim(f"Q{found[2] or found[3]}", found, found[1])
    if found := _HALF.search(source):
        return _interim(f"H{found[1] or found[2]}", found, found[3])
    if found := _FISCAL.search(source):
        return f"fiscal {full_year(found[1])}"
    if found := _ENDED.search(source):
        year = found[3][-4:]
        is_year = found[2].lower().startswith(("year", "twelve"))
        return (
            f"fiscal {year}"
            if is_year
            else f"{found[2].lower()} ended {' '.join(found[3].split())}"
        )
    if found := _AS_OF.search(source):
        return " ".join(found[1].split())
    return ""


def _interim(part: str, found: re.Match[str], year: str) -> str:
    is_fiscal = re.search(r"\bFY|fiscal|FY(?=\d)", found[0], re.IGNORECASE)
    return f"{part} fiscal {full_year(year)}" if is_fiscal else f"{part} {full_year(year)}"
