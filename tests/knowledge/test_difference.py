"""What a folder and its index do not have in common."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.difference import Difference, find_difference
from ragopt_tui.knowledge.sync import synchronise


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    (folder / "2023").mkdir(parents=True)
    (folder / "a.md").write_text("Revenue rose.")
    (folder / "2023" / "b.md").write_text("Debt fell.")
    (folder / "picture.png").write_bytes(b"png")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing more")
    return folder


def read(docs: Path) -> None:
    synchronise(docs, "builtin", lambda _: None)


def test_before_the_first_reading_all_files_are_added(docs: Path) -> None:
    assert set(find_difference(docs).added) == {"a.md", "2023/b.md", "broken.pdf"}


def test_what_was_read_and_what_is_never_read_make_no_difference(docs: Path) -> None:
    read(docs)
    (docs / "picture.png").unlink()
    (docs / "film.mp4").write_bytes(b"mp4")
    (docs / ".hidden.md").write_text("hidden")
    os.utime(docs / "a.md", (1, 1))
    assert not find_difference(docs)


def test_changed_added_and_removed_files_are_named(docs: Path) -> None:
    read(docs)
    (docs / "a.md").write_text("Revenue fell.")
    (docs / "c.md").write_text("Margin rose.")
    (docs / "2023" / "b.md").unlink()
    (docs / "broken.pdf").unlink()
    found = find_difference(docs)
    assert found == Difference(("a.md",), ("c.md",), ("2023/b.md", "broken.pdf"))
    read(docs)
    assert not find_difference(docs)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_still_cannot_be_opened_is_no_difference(docs: Path) -> None:
    (docs / "a.md").chmod(0)
    read(docs)
    assert not find_difference(docs)
    (docs / "a.md").chmod(0o600)
    assert find_difference(docs).changed == ("a.md",)


def test_a_folder_without_any_of_its_files_is_emptied(docs: Path) -> None:
    read(docs)
    for file in ("a.md", "2023/b.md", "broken.pdf"):
        (docs / file).unlink()
    assert find_difference(docs).emptied


def test_a_folder_that_is_gone_is_said(docs: Path) -> None:
    docs.rename(docs.with_name("elsewhere"))
    with pytest.raises(RagoptError, match="cannot be read"):
        find_difference(docs)
