"""The catalogue of files, and what it says of damaged ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.catalogue import Catalogue, FileRecord
from ragopt_tui.knowledge.location import CorruptIndex

RECORD = FileRecord("b [x]/a'\".md", 12, 2**62, "ab12", "indexed", "", 3, "A [bold]title")
LEFT_OUT = FileRecord("a.md", 0, -1, "", "left_out", "The file is empty.", 0, "")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.db"


def test_records_come_back_by_name_as_they_were(file: Path) -> None:
    with Catalogue(file) as catalogue:
        catalogue.upsert([RECORD, LEFT_OUT])
    with Catalogue(file, read_only=True) as catalogue:
        assert catalogue.records() == [LEFT_OUT, RECORD]
        assert catalogue.record(RECORD.file) == RECORD
        assert catalogue.record("nothing") is None


def test_upsert_replaces_and_remove_forgets(file: Path) -> None:
    with Catalogue(file) as catalogue:
        catalogue.upsert([RECORD])
        changed = dataclasses.replace(RECORD, size=13)
        catalogue.upsert([changed])
        assert catalogue.records() == [changed]
        catalogue.remove([RECORD.file])
        assert catalogue.records() == []


def test_a_file_is_pending_until_it_is_recorded_or_removed(file: Path) -> None:
    with Catalogue(file) as catalogue:
        catalogue.mark_pending(["a.md", RECORD.file, "c"])
        catalogue.mark_pending(["a.md"])
        assert catalogue.pending() == {"a.md", RECORD.file, "c"}
        catalogue.upsert([RECORD])
        catalogue.remove(["c"])
        assert catalogue.pending() == {"a.md"}


def test_facts_are_kept(file: Path) -> None:
    with Catalogue(file) as catalogue:
        assert catalogue.fact("x") == ""
        catalogue.set_fact("x", "1")
        catalogue.set_fact("x", "2")
    with Catalogue(file) as catalogue:
        assert catalogue.fact("x") == "2"


def test_a_reader_sees_what_a_writer_wrote_meanwhile(file: Path) -> None:
    with Catalogue(file) as writer, Catalogue(file, read_only=True) as reader:
        assert reader.records() == []
        writer.upsert([RECORD])
        assert reader.records() == [RECORD]


@pytest.mark.parametrize("content", [b"garbage" * 1000, b""])
def test_a_damaged_file_is_said_to_be(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(CorruptIndex), Catalogue(file, read_only=True) as catalogue:
        catalogue.records()


def test_damage_in_the_middle_is_found_by_the_check(file: Path) -> None:
    with Catalogue(file) as catalogue:
        catalogue.upsert(dataclasses.replace(RECORD, file=f"{n}.md") for n in range(5000))
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"\xff" * 8192 + whole[16384:])
    with Catalogue(file) as catalogue, pytest.raises(CorruptIndex):
        catalogue.check()


def test_a_file_that_is_not_there_is_not_created_by_a_reader(file: Path) -> None:
    with pytest.raises(RagoptError), Catalogue(file, read_only=True):
        pass
    assert not file.exists()
