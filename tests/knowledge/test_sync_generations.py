"""A changed embedder or splitter, damaged indexes, and readers that stay while all this goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ragopt_tui.knowledge import sync
from ragopt_tui.knowledge.index import CorruptIndex, Index
from ragopt_tui.knowledge.location import Generation
from ragopt_tui.knowledge.sync_report import Progress
from tests.knowledge.syncing import Library, report_on

NORTH = report_on("Northwind", "net revenue was 1,577 million.", "it employed 12,400 people.")
SOUTH = report_on("Southgate", "goodwill was impaired.", "the zeppelin was sold.")


class Interrupted(Exception):
    pass


def interrupt_at(stage: str, times: int = 1) -> Callable[[Progress], None]:
    """Give a report that ends the run when a stage is reported for the n-th time."""
    seen = 0

    def report(progress: Progress) -> None:
        nonlocal seen
        seen += progress.stage == stage
        if seen == times:
            raise Interrupted

    return report


def generations(library: Library) -> list[int]:
    return [generation.number for generation in library.location.generations()]


@pytest.fixture
def indexed(library: Library) -> Library:
    library.put("north.md", NORTH)
    library.put("south.md", SOUTH)
    library.sync()
    return library


def test_another_splitter_builds_another_generation_and_deletes_the_old(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "SPLITTER_VERSION", "other")
    summary = indexed.sync()
    assert summary.index_version.startswith("g2.v")
    assert (summary.added, summary.embedded) == (2, summary.passages)
    assert generations(indexed) == [2]
    assert "built anew; the old one serves" in indexed.said[0]
    assert summary.notes == indexed.said
    manifest = indexed.location.manifest()
    assert manifest is not None
    assert (manifest.splitter, manifest.generation) == ("other", 2)
    assert indexed.sync().unchanged == 2


def test_another_embedder_builds_another_generation(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "embedder_identity", lambda _: "builtin:other")
    assert indexed.sync().index_version.startswith("g2.v")
    manifest = indexed.location.manifest()
    assert manifest is not None
    assert manifest.identity == "builtin:other"


def test_a_rebuild_reads_and_embeds_everything_again(indexed: Library) -> None:
    summary = indexed.sync(rebuild=True)
    assert summary.embedded == summary.passages > 0
    assert generations(indexed) == [2]
    assert indexed.is_consistent()


def test_the_old_generation_serves_until_the_other_is_complete(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "SPLITTER_VERSION", "other")
    with pytest.raises(Interrupted):
        indexed.sync(report=interrupt_at("finishing"))
    manifest = indexed.location.manifest()
    assert manifest is not None
    assert manifest.generation == 1
    assert indexed.top("zeppelin") == ["south.md"]


def test_an_interrupted_generation_is_gone_on_with(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "SPLITTER_VERSION", "other")
    with pytest.raises(Interrupted):
        indexed.sync(report=interrupt_at("finishing"))
    summary = indexed.sync()
    assert summary.embedded == 0
    assert summary.index_version.startswith("g2.v")
    assert generations(indexed) == [2]
    assert indexed.is_consistent()


def test_a_generation_begun_with_something_else_is_not_gone_on_with(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "SPLITTER_VERSION", "other")
    with pytest.raises(Interrupted):
        indexed.sync(report=interrupt_at("finishing"))
    monkeypatch.setattr(sync, "SPLITTER_VERSION", "third")
    assert indexed.sync().index_version.startswith("g3.v")
    assert generations(indexed) == [3]


def test_a_generation_that_is_read_is_deleted_later(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index.open(indexed.location)
    indexed.sync(rebuild=True)
    assert generations(indexed) == [1, 2]
    assert len(index.search(None, "zeppelin", 3)) == 1
    assert index.version.startswith("g2.")
    indexed.sync()
    assert generations(indexed) == [2]
    index.close()


def test_the_first_index_answers_while_it_is_built(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragopt_tui.knowledge.ingest._BATCH_PASSAGES", 1)
    library.put("a-north.md", NORTH)
    library.put("b-south.md", SOUTH)
    with pytest.raises(Interrupted):
        library.sync(report=interrupt_at("reading", 2))
    assert library.top("revenue") == ["a-north.md"]
    assert library.sync().added == 1
    assert library.is_consistent()


def garbage(file: Path) -> None:
    file.write_bytes(b"garbage" * 500)


def damage_table(part: str) -> Callable[[Generation], None]:
    def damage(generation: Generation) -> None:
        files = [f for f in (generation.table_folder / part).rglob("*") if f.is_file()]
        assert files
        for file in files:
            garbage(file)

    return damage


def truncate_data(generation: Generation) -> None:
    for file in (generation.table_folder / "data").iterdir():
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def garbage_within_data(generation: Generation) -> None:
    for file in (generation.table_folder / "data").iterdir():
        data = file.read_bytes()
        half = len(data) // 2
        file.write_bytes(data[: half - 400] + b"\xff" * 800 + data[half + 400 :])


DAMAGES: dict[str, Callable[[Generation], None]] = {
    "garbage in the data": damage_table("data"),
    "garbage in the versions": damage_table("_versions"),
    "garbage in the indexes": damage_table("_indices"),
    "data cut short": truncate_data,
    "garbage within the data": garbage_within_data,
    "no data": lambda generation: [f.unlink() for f in (generation.table_folder / "data").iterdir()] and None,
    "garbage as catalogue": lambda generation: garbage(generation.catalogue_file),
    "empty catalogue": lambda generation: generation.catalogue_file.write_bytes(b"") and None,
    "no catalogue": lambda generation: generation.catalogue_file.unlink(),
    "no folder": lambda generation: generation.folder.rename(generation.folder.parent / "x") and None,
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_index_is_said_set_aside_and_built_again(
    indexed: Library, damage: Callable[[Generation], None]
) -> None:
    damage(indexed.location.generation(1))
    asides: list[str] = []
    summary = indexed.sync(
        report=lambda _: asides.extend(f.name for f in indexed.location.folder.glob("damaged-*"))
    )
    assert "was damaged" in indexed.said[0]
    assert (summary.files, summary.embedded) == (2, summary.passages)
    assert indexed.top("zeppelin") == ["south.md"]
    assert indexed.is_consistent()
    assert set(asides) <= {"damaged-generation-1"}
    assert not list(indexed.location.folder.glob("damaged-*"))


def test_a_damaged_manifest_is_said_and_the_index_built_again(indexed: Library) -> None:
    garbage(indexed.location.manifest_file)
    with pytest.raises(CorruptIndex):
        Index.open(indexed.location)
    assert indexed.sync().files == 2
    assert "was damaged" in indexed.said[0]
    assert indexed.top("zeppelin") == ["south.md"]


def test_a_catalogue_that_does_not_fit_its_table_is_damage(indexed: Library) -> None:
    from ragopt_tui.knowledge import passage_table

    table = passage_table.open_table(indexed.location.generation(1).folder)
    passage_table.delete_files(table, ["south.md"])
    assert indexed.sync().embedded > 0
    assert "not those of its catalogue" in indexed.said[0]
    assert indexed.top("zeppelin") == ["south.md"]
