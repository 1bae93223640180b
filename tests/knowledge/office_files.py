"""The smallest workbook, presentation, text and mail that hold what the tests look for."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_XML = '<?xml version="1.0" encoding="UTF-8"?>'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SLIDE = "http://schemas.openxmlformats.org/presentationml/2006/main"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_OPEN = "urn:oasis:names:tc:opendocument:xmlns"


def _archive(path: Path, parts: Mapping[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def _types(overrides: Mapping[str, str]) -> str:
    parts = "".join(
        f'<Override PartName="{name}" ContentType="application/vnd.openxmlformats-officedocument.{kind}+xml"/>'
        for name, kind in overrides.items()
    )
    return (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{parts}</Types>'
    )


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    parts = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{parts}</Relationships>'


def workbook(path: Path, sheet: str, rows: Sequence[Sequence[str | float]]) -> Path:
    """Write a workbook of one sheet."""
    lines = []
    for number, row in enumerate(rows, 1):
        cells = []
        for letter, value in zip("ABCDEFG", row, strict=False):
            if isinstance(value, str):
                inner = f"<is><t>{value}</t></is>" if value else ""
                cells.append(f'<c r="{letter}{number}" t="inlineStr">{inner}</c>')
            else:
                cells.append(f'<c r="{letter}{number}"><v>{value}</v></c>')
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    return _archive(
        path,
        {
            "[Content_Types].xml": _types(
                {
                    "/xl/workbook.xml": "spreadsheetml.sheet.main",
                    "/xl/worksheets/sheet1.xml": "spreadsheetml.worksheet",
                }
            ),
            "_rels/.rels": _relations([("officeDocument", "xl/workbook.xml")]),
            "xl/workbook.xml": f'{_XML}<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>'
            f'<sheet name="{sheet}" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": _relations([("worksheet", "worksheets/sheet1.xml")]),
            "xl/worksheets/sheet1.xml": f'{_XML}<worksheet xmlns="{_SHEET}"><sheetData>'
            f"{''.join(lines)}</sheetData></worksheet>",
        },
    )


def presentation(path: Path, title: str, points: Sequence[str]) -> Path:
    """Write a presentation of one slide."""

    def shape(number: int, kind: str, paragraphs: Sequence[str]) -> str:
        words = "".join(f"<a:p><a:r><a:t>{part}</a:t></a:r></a:p>" for part in paragraphs)
        return (
            f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="s"/><p:cNvSpPr/><p:nvPr><p:ph {kind}/>'
            f"</p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/>{words}</p:txBody></p:sp>"
        )

    slide = (
        f'{_XML}<p:sld xmlns:a="{_DRAWING}" xmlns:p="{_SLIDE}"><p:cSld><p:spTree><p:nvGrpSpPr>'
        '<p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
        + shape(2, 'type="title"', [title])
        + shape(3, 'idx="1"', points)
        + "</p:spTree></p:cSld></p:sld>"
    )
    return _archive(
        path,
        {
            "[Content_Types].xml": _types(
                {
                    "/ppt/presentation.xml": "presentationml.presentation.main",
                    "/ppt/slides/slide1.xml": "presentationml.slide",
                }
            ),
            "_rels/.rels": _relations([("officeDocument", "ppt/presentation.xml")]),
            "ppt/presentation.xml": f'{_XML}<p:presentation xmlns:p="{_SLIDE}" xmlns:r="{_OFFICE}">'
            '<p:sldIdLst><p:sldId id="256" r:id="rId1"/></p:sldIdLst></p:presentation>',
            "ppt/_rels/presentation.xml.rels": _relations([("slide", "slides/slide1.xml")]),
            "ppt/slides/slide1.xml": slide,
        },
    )


def open_document(path: Path, heading: str, paragraph: str, is_encrypted: bool = False) -> Path:
    """Write an OpenDocument text."""
    media = "application/vnd.oasis.opendocument.text"
    entry = f'<m:file-entry m:full-path="/" m:media-type="{media}"/>'
    sealed = "<m:encryption-data/>" if is_encrypted else ""
    entry += (
        f'<m:file-entry m:full-path="content.xml" m:media-type="text/xml">{sealed}</m:file-entry>'
    )
    return _archive(
        path,
        {
            "mimetype": media,
            "META-INF/manifest.xml": f'{_XML}<m:manifest xmlns:m="{_OPEN}:manifest:1.0">{entry}'
            "</m:manifest>",
            "content.xml": f'{_XML}<o:document-content xmlns:o="{_OPEN}:office:1.0" '
            f'xmlns:t="{_OPEN}:text:1.0"><o:body><o:text><t:h t:outline-level="1">{heading}</t:h>'
            f"<t:p>{paragraph}</t:p></o:text></o:body></o:document-content>",
        },
    )
