"""Text formats are read with the file's own lines; what cannot be read is refused with a reason."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from ragopt_tui.knowledge.document import Block, Document
from ragopt_tui.knowledge.readers import READABLE_SUFFIXES, UnreadableDocument, read_document


def read(folder: Path, name: str, content: bytes | str) -> Document:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_document(path, name)


def reason(path: Path) -> str:
    with pytest.raises(UnreadableDocument) as refusal:
        read_document(path, path.name)
    return refusal.value.message


def tables(document: Document) -> list[Block]:
    return [block for block in document.blocks if block.kind == "table"]


def test_the_text_of_markdown_is_the_files_own(tmp_path: Path) -> None:
    source = "# Corvane plc\n\nRevenue was **$4.1 million**.\n"
    document = read(tmp_path, "report.md", source)
    assert document.text == source
    assert document.line_numbers == (1, 2, 3, 4)
    assert document.title == "Corvane plc"


@pytest.mark.parametrize(
    "content",
    [
        "Größe: 5 €\n".encode(),
        b"\xef\xbb\xbf" + "Größe: 5 €\n".encode(),
        b"\xff\xfe" + "Größe: 5 €\n".encode("utf-16-le"),
        b"\xfe\xff" + "Größe: 5 €\n".encode("utf-16-be"),
        "Größe: 5 €\n".encode("cp1252"),
    ],
    ids=["utf-8", "utf-8 with mark", "utf-16-le", "utf-16-be", "windows-1252"],
)
def test_encodings_give_the_same_text(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, "a.txt", content).text == "Größe: 5 €\n"


def test_one_damaged_byte_does_not_turn_utf8_into_another_encoding(tmp_path: Path) -> None:
    content = ("Ertrag für Köln, Zürich und Genève. " * 10).encode() + b"\xff end"
    text = read(tmp_path, "a.txt", content).text
    assert text.startswith("Ertrag für Köln")
    assert text.endswith("\ufffd end")


def test_a_file_cut_within_a_character_is_still_utf8(tmp_path: Path) -> None:
    assert read(tmp_path, "a.txt", "Kosten in €".encode()[:-1]).text == "Kosten in \ufffd"


def test_every_kind_of_line_end_is_a_newline(tmp_path: Path) -> None:
    document = read(tmp_path, "a.txt", "one.\r\ntwo.\rthree.\n")
    assert document.text == "one.\ntwo.\nthree.\n"
    assert len(document.line_numbers) == 4


def test_control_characters_cannot_reach_a_terminal(tmp_path: Path) -> None:
    source = "safe \x1b[31mred\x1b]8;;http://x\x07 text \x9b2J and \x00 null\n" + "words " * 100
    document = read(tmp_path, "a.txt", source)
    assert not any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 for c in document.text)
    assert len(document.text) == len(source)


def test_form_feeds_between_pages_become_spaces_and_keep_line_numbers(tmp_path: Path) -> None:
    document = read(tmp_path, "a.txt", "first page\n\fsecond page\n")
    assert document.text == "first page\n second page\n"


def test_markdown_under_a_text_name_is_recognised(tmp_path: Path) -> None:
    source = "# Report\n\n## Results\n\n| a | 2024 |\n|---|---|\n| Revenue | 4 |\n"
    document = read(tmp_path, "a.txt", source)
    assert [block.kind for block in document.blocks] == ["heading", "heading", "table"]


def test_csv_is_one_table_behind_its_header_row(tmp_path: Path) -> None:
    source = 'segment,2024,note\nFlow,12.5,"two\nlines"\nPrecision,8.1,\n'
    document = read(tmp_path, "seg.csv", source)
    (table,) = document.blocks
    assert document.text[table.start : table.header_end] == "segment,2024,note\n"
    assert document.text[table.start : table.end] == source.rstrip("\n")


def test_lines_above_a_csv_header_are_its_caption(tmp_path: Path) -> None:
    source = (
        "Veldmark segment results,,\nUSD millions,,\nSegment,FY2024,FY2023\nFlow,1,2\nGas,3,4\n"
    )
    (table,) = read(tmp_path, "seg.csv", source).blocks
    assert table.caption == "Veldmark segment results USD millions"
    assert source[table.header_end :].startswith("Flow")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_recognised(tmp_path: Path, delimiter: str) -> None:
    rows = [["Segment", "Revenue, net", "Cost"], ["Flow", "1,5", "2,5"], ["Gas", "3,5", "4,5"]]
    source = "\n".join(delimiter.join(row) for row in rows)
    (table,) = read(tmp_path, "seg.csv", source).blocks
    assert source[table.header_end :].startswith("Flow")


def test_csv_without_a_header_row_has_none(tmp_path: Path) -> None:
    (table,) = read(tmp_path, "seg.csv", "Flow,1.5,2.5\nGas,3.5,4.5\n").blocks
    assert table.header_end == table.start


def test_csv_with_an_unclosed_quote_is_still_read(tmp_path: Path) -> None:
    source = 'name,value\n"open,1\n' + "row,2\n" * 500
    document = read(tmp_path, "seg.csv", source)
    assert document.text == source


def test_html_gives_visible_text_by_the_files_lines(tmp_path: Path) -> None:
    document = read(
        tmp_path,
        "page.html",
        "<html><head><title>T</title><style>p{}</style></head>\n<body>\n<h1>Alder Fund</h1>\n"
        "<p>The fund returned\n4.2&nbsp;% in <b>2024</b>.</p>\n"
        "<div style='display: none'>hidden <div>deep</div> text</div>\n"
        "<script>var x = '<p>code</p>';</script>\n<ul><li>Bonds</li></ul><p hidden>no</p></body>",
    )
    lines = document.text.split("\n")
    at = {line: document.line_numbers[index] for index, line in enumerate(lines) if line}
    assert at == {
        "Alder Fund": 3,
        "The fund returned": 4,
        "4.2 % in 2024.": 5,
        "- Bonds": 8,
    }
    assert document.title == "Alder Fund"


def test_html_tables_join_signs_and_drop_columns_for_spacing(tmp_path: Path) -> None:
    document = read(
        tmp_path,
        "page.html",
        "<p>(in millions)</p><table>\n"
        "<tr><th></th><th colspan='3'>2024</th><th></th><th colspan='3'>2023</th></tr>\n"
        "<tr><td>Net assets</td><td>$</td><td>1,577</td><td></td><td></td>"
        "<td>$</td><td>1,402</td><td></td></tr>\n"
        "<tr><td>Loss | gain</td><td></td><td>(12</td><td>)</td><td></td>"
        "<td></td><td>(9</td><td>)</td></tr></table>",
    )
    (table,) = tables(document)
    assert document.text[table.start : table.end].split("\n") == [
        "|  | 2024 | 2023 |",
        "| Net assets | $1,577 | $1,402 |",
        "| Loss \\| gain | (12) | (9) |",
    ]
    assert document.text[table.start : table.header_end] == "|  | 2024 | 2023 |\n"
    assert table.caption == "(in millions)"
    assert document.span(table.start, table.end).line_end == 4


def test_a_row_that_spans_rows_keeps_its_label(tmp_path: Path) -> None:
    document = read(
        tmp_path,
        "page.html",
        "<table><tr><th>Segment</th><th>Year</th><th>Revenue</th></tr>"
        "<tr><td rowspan='2'>Flow</td><td>2024</td><td>5.1</td></tr>"
        "<tr><td>2023</td><td>4.9</td></tr></table>",
    )
    assert "| Flow | 2023 | 4.9 |" in document.text


def test_a_table_that_lays_out_the_page_becomes_paragraphs(tmp_path: Path) -> None:
    document = read(
        tmp_path,
        "page.html",
        "<table><tr><td>Menu text</td><td><table><tr><td>Revenue</td><td>5</td></tr>"
        "<tr><td>Cost</td><td>4</td></tr></table></td></tr></table>",
    )
    (table,) = tables(document)
    assert document.text[table.start : table.end] == "| Revenue | 5 |\n| Cost | 4 |"
    assert "Menu text" in document.text


@pytest.mark.parametrize(
    "source",
    ["<p>open <b>tags <table><tr><td>1", "<<<>>< p", "<table></table>text", "&#27;[31m &#0;red"],
)
def test_broken_html_is_read_as_far_as_it_goes(tmp_path: Path, source: str) -> None:
    document = read(tmp_path, "page.html", source)
    assert document.text.strip()
    assert "\x1b" not in document.text


def test_html_declares_its_own_encoding(tmp_path: Path) -> None:
    source = '<meta charset="iso-8859-2"><p>Łódź spółka</p>'
    assert "Łódź spółka" in read(tmp_path, "page.html", source.encode("iso-8859-2")).text


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").touch()
    assert reason(tmp_path / "a.md") == "The file is empty."


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.csv", "a.html"])
def test_a_file_of_white_space_holds_no_text(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(" \n\n\t\n")
    assert reason(tmp_path / name) == "The file holds no text."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bytes(range(256)) * 40, "binary file"),
        (b"%PDF-1.7 and so on", "a PDF file"),
        (b"PK\x03\x04rest", "a ZIP or Office file"),
        (b"\x7fELF\x02\x01", "a program"),
    ],
)
def test_binary_under_a_text_name_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert words in reason(tmp_path / "a.txt")


def test_a_file_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.md"
    path.write_text("text")
    path.chmod(0)
    if os.geteuid() == 0:  # root may read everything, so the system's answer is given here

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        monkeypatch.setattr(Path, "open", refuse)
    assert reason(path) == "There is no permission to read it."


def test_a_200_mb_text_file_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "big.txt"
    with path.open("wb") as file:
        file.truncate(200_000_000)

    def no_reading(*_: object) -> None:
        raise AssertionError("the file was read")

    monkeypatch.setattr(os, "fdopen", no_reading)
    assert reason(path) == ("The file is too large: 200 MB; text files are read up to 64 MB.")


def test_other_formats_have_a_larger_limit(tmp_path: Path) -> None:
    path = tmp_path / "big.pdf"
    with path.open("wb") as file:
        file.truncate(300_000_000)
    assert reason(path) == "The file is too large: 300 MB; PDF files are read up to 256 MB."


def test_unknown_suffixes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.exe").write_text("text")
    (tmp_path / "README").write_text("text")
    assert reason(tmp_path / "a.exe") == "Files ending in .exe are not read."
    assert reason(tmp_path / "README") == "Its name has no ending."
    assert {".md", ".pdf", ".eml"} <= READABLE_SUFFIXES


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    (tmp_path / "folder.md").mkdir()
    loop = tmp_path / "loop.md"
    loop.symlink_to(loop)
    nowhere = tmp_path / "nowhere.md"
    nowhere.symlink_to(tmp_path / "absent")
    device = tmp_path / "device.txt"
    device.symlink_to("/dev/zero")
    assert reason(pipe) == "It is a named pipe, not a file."
    assert reason(tmp_path / "folder.md") == "It is a folder, not a file."
    assert reason(loop) == "It is a symbolic link that leads back to itself."
    assert "gone" in reason(nowhere)
    assert reason(device) == "It is a device, not a file."


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.txt")
        assert reason(tmp_path / "s.txt") == "It is a socket, not a file."


def test_names_with_brackets_newlines_and_escapes_are_read(tmp_path: Path) -> None:
    name = "[bold]q3\n\x1b[31m report.md"
    document = read(tmp_path, name, "Some sentence that ends. And another one follows here.\n")
    assert document.file == name
    assert "\x1b" not in document.title
    assert "\n" not in document.title
