"""Runs of a document that passages are cut from: prose of one section, or one table."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ragopt_tui.knowledge.document import Block, Document
from ragopt_tui.knowledge.passage import Profile
from ragopt_tui.knowledge.sentences import sentence_spans
from ragopt_tui.knowledge.speakers import speakers_of
from ragopt_tui.knowledge.structure import is_rule, without_marks
from ragopt_tui.knowledge.table_lines import cells_of

_DELIMITED = (".csv", ".tsv")
_LABEL_LENGTH = 90
_MOST_LINES_IN_A_ROW = 40


@dataclass(frozen=True, slots=True)
class Atom:
    """The smallest piece kept whole if it fits: `text[start:end]`, a sentence, a row or a line.

    `opens` says that a paragraph or table begins with it; `clings` that it must not be the last
    of a passage, because it introduces what follows: a speaker's name, a group of rows. `speaker`
    is who says it, where the atom itself does not tell; `group` the name of a row's group of rows.
    """

    start: int
    end: int
    opens: bool = False
    clings: bool = False
    speaker: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Pieces under one heading path and on one page.

    Of a table's `atoms` the first `head` are its caption and header rows; `caption` and
    `header` are what is repeated where they are missing, and `outside` what no atom holds.
    """

    kind: Literal["prose", "table"]
    headings: tuple[str, ...]
    atoms: tuple[Atom, ...]
    head: int = 0
    caption: str = ""
    header: str = ""
    outside: str = ""


def runs_of(document: Document, profile: Profile) -> list[Run]:
    """Give the runs of a document; one that has only headings gets them as prose."""
    speakers = speakers_of(document.text, document.blocks)
    runs = [
        run
        for headings, blocks in _sections(document, profile)
        for run in _runs(document, headings, blocks, speakers)
        if run.atoms
    ]
    if runs:
        return runs
    headings = [_prose_atoms(document.text, block) for block in document.blocks]
    atoms = tuple(atom for group in headings for atom in group)
    return [Run("prose", (), atoms)] if atoms else []


def _sections(
    document: Document, profile: Profile
) -> Iterator[tuple[tuple[str, ...], list[Block]]]:
    """Give the content blocks of each section and page with their heading path."""
    path: list[tuple[int, str]] = []
    content: list[Block] = []
    page = 0
    for block in document.blocks:
        here = document.pages[document.line_index(block.start)]
        if content and (block.kind == "heading" or here != page):
            yield _names(path, profile), content
            content = []
        page = here
        if block.kind == "heading":
            path = [(level, name) for level, name in path if level < block.level]
            path.append((block.level, block.heading))
        else:
            content.append(block)
    if content:
        yield _names(path, profile), content


def _names(path: Sequence[tuple[int, str]], profile: Profile) -> tuple[str, ...]:
    """The heading path; the title is in the profile's header already."""
    names = tuple(name for _, name in path if name)
    return names[1:] if names and names[0] == profile.title else names


def _runs(
    document: Document,
    headings: tuple[str, ...],
    blocks: Sequence[Block],
    speakers: Mapping[int, str],
) -> Iterator[Run]:
    atoms: list[Atom] = []
    prose: list[Block] = []
    speaker = ""
    for block in blocks:
        if block.kind != "table":
            speaker = speakers.get(block.start, speaker)
            prose.append(block)
            atoms.extend(_content_atoms(document.text, block, speaker, block.start in speakers))
            continue
        captions = _own_captions(document.text, prose, block)
        above = [atom for atom in atoms if not captions or atom.start < captions[0].start]
        if above:
            yield Run("prose", headings, tuple(above))
        atoms, prose = [], []
        yield from _table_runs(document, headings, captions, block)
    if atoms:
        yield Run("prose", headings, tuple(atoms))


def _own_captions(text: str, before: Sequence[Block], table: Block) -> list[Block]:
    """The paragraphs right above a table that make up its caption."""
    captions: list[Block] = []
    for block in reversed(before):
        words = without_marks(text[block.start : block.end])
        if not words or words not in table.caption:
            break
        captions.insert(0, block)
    return captions


def _content_atoms(text: str, block: Block, speaker: str, names: bool) -> list[Atom]:
    """A block's atoms; where the block `names` its speaker, the first of them does."""
    atoms = _code_atoms(text, block) if block.kind == "code" else _prose_atoms(text, block)
    if not speaker:
        return atoms
    told = int(names)
    silent = [dataclasses.replace(atom, speaker=speaker) for atom in atoms[told:]]
    return [*atoms[:told], *silent]


def _prose_atoms(text: str, block: Block) -> list[Atom]:
    spans = sentence_spans(text[block.start : block.end])
    clings = len(spans) == 1 and _is_label(text[block.start : block.end])
    return [
        Atom(block.start + start, block.start + end, opens=number == 0, clings=clings)
        for number, (start, end) in enumerate(spans)
    ]


def _is_label(paragraph: str) -> bool:
    words = without_marks(paragraph)
    if len(words) > _LABEL_LENGTH or paragraph.lstrip().startswith(("- ", "* ", "• ")):
        return False
    return words.endswith(":") or not words.endswith((".", "!", "?", ";", ")", "…", '"', "”"))


def _code_atoms(text: str, block: Block) -> list[Atom]:
    atoms = _line_atoms(text, block.start, block.end)
    return [dataclasses.replace(atom, opens=number == 0) for number, atom in enumerate(atoms)]


def _table_runs(
    document: Document, headings: tuple[str, ...], captions: Sequence[Block], table: Block
) -> Iterator[Run]:
    """A table as one run for each page it stands on; later pages lack its header."""
    text = document.text
    above = [atom for block in captions for atom in _line_atoms(text, block.start, block.end)]
    head = _rows(document, table.start, max(table.header_end, table.start))
    header = "\n".join(
        line for atom in head if not is_rule(line := text[atom.start : atom.end].strip())
    )
    is_held = set(_words(table.caption)) <= set(_words(header))
    caption = "" if is_held else table.caption
    rows = _rows(document, max(table.header_end, table.start), table.end)
    if not document.file.lower().endswith(_DELIMITED):
        rows = _grouped(text, rows)
    by_page = itertools.groupby(rows, lambda row: document.pages[document.line_index(row.start)])
    pages = [list(page) for _, page in by_page] or [[]]
    outside = "" if captions else caption
    yield Run(
        "table", headings, (*above, *head, *pages[0]), len(above + head), caption, header, outside
    )
    outside = "\n".join(part for part in (caption, header) if part)
    for page in pages[1:]:
        yield Run("table", headings, tuple(page), 0, caption, header, outside)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _grouped(text: str, rows: Sequence[Atom]) -> list[Atom]:
    """Give rows with the names of their groups, which end with a total or the next name."""
    grouped: list[Atom] = []
    group = ""
    for row in rows:
        line = text[row.start : row.end]
        if _is_group(line):
            group = _group_name(line)
            grouped.append(dataclasses.replace(row, clings=True))
        else:
            grouped.append(dataclasses.replace(row, group=group))
            group = "" if _is_total(line) else group
    return grouped


def _is_total(line: str) -> bool:
    label = without_marks("".join(cells_of(line)[:1]))
    return label.lower().startswith("total")


def _group_name(line: str) -> str:
    """Give what a row names its group; empty for a note or a drawn line between the rows."""
    name = without_marks(cells_of(line)[0])
    is_name = len(name) <= _LABEL_LENGTH and not name.endswith(".") and not is_rule(line)
    return name if is_name else ""


def _is_group(row: str) -> bool:
    """Say whether a row only names the rows below it."""
    return len(cells_of(row)) == 1 and not any(letter.isdigit() for letter in row)


def _rows(document: Document, start: int, end: int) -> list[Atom]:
    lines = _line_atoms(document.text, start, end)
    if not document.file.lower().endswith(_DELIMITED):
        return lines
    rows: list[Atom] = []
    first = 0
    quotes = 0
    for index, line in enumerate(lines):
        quotes += document.text.count('"', line.start, line.end)
        if quotes % 2 == 0 or index - first >= _MOST_LINES_IN_A_ROW:
            rows.append(Atom(lines[first].start, line.end))
            first, quotes = index + 1, 0
    if first < len(lines):
        rows.extend(lines[first:])
    return rows


def _line_atoms(text: str, start: int, end: int) -> list[Atom]:
    atoms: list[Atom] = []
    at = start
    while at < end:
        found = text.find("\n", at, end)
        stop = end if found < 0 else found
        if text[at:stop].strip():
            atoms.append(Atom(at, at + len(text[at:stop].rstrip())))
        at = stop + 1
    return atoms
