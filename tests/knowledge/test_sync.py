"""What a synchronisation does with files that are added, changed, renamed, deleted or unreadable."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.index import Index
from ragopt_tui.knowledge.sync import IndexBusy, synchronise
from tests.knowledge.syncing import Library, report_on

NORTH = report_on("Northwind", "net revenue was 1,577 million.", "it employed 12,400 people.")
SOUTH = report_on("Southgate", "goodwill was impaired.", "the zeppelin was sold.")


def test_new_files_are_indexed_and_found(library: Library) -> None:
    library.put("north.md", NORTH)
    library.put("2022/south.md", SOUTH)
    summary = library.sync()
    assert (summary.files, summary.added, summary.changed, summary.unchanged) == (2, 2, 0, 0)
    assert summary.passages == summary.embedded == library.count() > 0
    assert summary.left_out == []
    assert summary.index_version.startswith("g1.v")
    assert library.top("Who sold the zeppelin?") == ["2022/south.md"]
    assert library.records()["north.md"].title == "Northwind annual report 2023"
    assert library.is_consistent()


def test_what_is_unchanged_is_neither_read_nor_embedded(library: Library) -> None:
    library.put("north.md", NORTH)
    first = library.sync()
    again = library.sync()
    assert (again.unchanged, again.added, again.changed, again.embedded) == (1, 0, 0, 0)
    assert library.loads == 0
    assert again.index_version == first.index_version
    assert again.passages == first.passages


def test_without_changes_no_slow_library_is_even_imported(library: Library) -> None:
    library.put("north.md", NORTH)
    library.sync()
    code = (
        "import sys; from pathlib import Path; from ragopt_tui.knowledge.sync import synchronise;"
        "print(synchronise(Path(sys.argv[1]), 'builtin', lambda _: None).unchanged,"
        " [m for m in ('torch', 'lancedb', 'pyarrow', 'transformers') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(library.docs)]
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "1 []"


def test_of_a_changed_file_only_the_passages_that_changed_are_embedded(library: Library) -> None:
    facts = [f"item {n} of the long list cost {n * 31} dollars. " * 12 for n in range(8)]
    library.put("north.md", report_on("Northwind", *facts))
    first = library.sync()
    facts[3] = "the ferry was bought. " * 30
    library.put("north.md", report_on("Northwind", *facts))
    summary = library.sync()
    assert (summary.changed, summary.added, summary.unchanged) == (1, 0, 0)
    assert 0 < summary.embedded < first.passages / 2
    assert all("ferry" in text for text in library.spy.texts)
    assert library.top("the ferry") == ["north.md"]
    assert not any("item 3 " in p.text for p in library.passages("north.md"))
    assert library.is_consistent()


def test_a_file_that_grew_shorter_leaves_nothing_behind(library: Library) -> None:
    library.put("north.md", report_on("Northwind", *(f"fact {n}. " * 60 for n in range(6))))
    before = library.sync().passages
    library.put("north.md", report_on("Northwind", "fact 0."))
    assert library.sync().passages < before
    assert library.is_consistent()


def test_a_file_with_a_later_time_and_the_same_content_is_unchanged(library: Library) -> None:
    path = library.put("north.md", NORTH)
    library.sync()
    os.utime(path, (2e9, 2e9))
    summary = library.sync()
    assert (summary.unchanged, summary.changed, summary.embedded) == (1, 0, 0)
    assert library.loads == 0
    assert library.records()["north.md"].modified_ns == 2 * 10**18


def test_a_file_of_the_same_size_and_another_time_is_changed(library: Library) -> None:
    library.put("north.md", NORTH)
    library.sync()
    os.utime(library.put("north.md", NORTH.replace("1,577", "1,755")), (2e9, 2e9))
    assert library.sync().changed == 1
    assert "1,755" in "".join(p.text for p in library.passages("north.md"))


def test_a_renamed_file_keeps_its_vectors(library: Library) -> None:
    path = library.put("north.md", NORTH)
    library.put("south.md", SOUTH)
    library.sync()
    (library.docs / "sub").mkdir()
    path.rename(library.docs / "sub" / "renamed.md")
    summary = library.sync()
    assert (summary.added, summary.removed, summary.unchanged) == (1, 1, 1)
    assert summary.embedded == 0
    assert library.top("net revenue of Northwind") == ["sub/renamed.md"]
    assert library.passages("north.md") == []
    assert library.is_consistent()


def test_deleted_files_are_gone_from_the_index(library: Library) -> None:
    library.put("north.md", NORTH)
    path = library.put("south.md", SOUTH)
    library.sync()
    path.unlink()
    summary = library.sync()
    assert (summary.removed, summary.files, summary.unchanged) == (1, 1, 1)
    assert library.loads == 0
    assert library.passages("south.md") == []
    assert set(library.records()) == {"north.md"}
    assert library.is_consistent()


def test_an_empty_folder_gives_an_empty_index(library: Library) -> None:
    summary = library.sync()
    assert (summary.files, summary.passages, summary.left_out) == (0, 0, [])
    assert library.top("anything") == []
    library.put("north.md", NORTH)
    assert library.sync().added == 1
    (library.docs / "north.md").unlink()
    assert library.sync().passages == 0
    assert library.top("anything") == []


def test_files_that_cannot_be_read_are_left_out_with_their_reason(library: Library) -> None:
    library.put("north.md", NORTH)
    library.put("empty.md", "")
    (library.docs / "binary.txt").write_bytes(bytes(range(256)) * 20)
    (library.docs / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    library.put("movie.mp4", "x")
    summary = library.sync()
    assert summary.files == 1
    reasons = dict(summary.left_out)
    assert set(reasons) == {"empty.md", "binary.txt", "broken.pdf", "movie.mp4"}
    assert all(reasons.values())
    assert library.records()["empty.md"].status == "left_out"
    assert library.sync().left_out == summary.left_out
    assert library.loads == 0


def test_a_file_that_becomes_unreadable_loses_its_passages_until_it_is_mended(
    library: Library,
) -> None:
    path = library.put("north.md", NORTH)
    library.sync()
    path.write_text("")
    summary = library.sync()
    assert [file for file, _ in summary.left_out] == ["north.md"]
    assert library.count() == 0
    path.write_text(NORTH)
    assert library.sync().files == 1
    assert library.is_consistent()


def test_a_file_that_may_not_be_opened_is_tried_again_next_time(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.put("north.md", NORTH)

    def refused(_path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("ragopt_tui.knowledge.ingest.content_hash", refused)
        assert library.sync().left_out == [("north.md", "It cannot be read: Permission denied.")]
    assert library.sync().files == 1


def test_a_reader_that_fails_on_one_file_does_not_end_the_others(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ragopt_tui.knowledge import ingest

    real = ingest.read_document

    def stumbling(path: Path, file: str) -> object:
        if file == "odd.md":
            raise RecursionError
        return real(path, file)

    monkeypatch.setattr(ingest, "read_document", stumbling)
    library.put("north.md", NORTH)
    library.put("odd.md", SOUTH)
    summary = library.sync()
    assert summary.files == 1
    assert summary.left_out == [("odd.md", "It cannot be read: RecursionError.")]


def test_names_of_any_bytes_are_indexed_and_removed(library: Library) -> None:
    names = [b"[bold]x[/].md", b"a\nb\x1b]0;t\x07.md", b"caf\xe9.md", b'it\'s "odd" \\ %.md']
    paths = [library.put(name, report_on(f"Firm {n}", "it grew.")) for n, name in enumerate(names)]
    summary = library.sync()
    assert summary.files == len(names)
    assert library.is_consistent()
    assert set(library.records()) == {
        "[bold]x[/].md", "a\\x0ab\\x1b]0;t\\x07.md", "caf\\xe9.md", "it's \"odd\" \\\\ %.md",
    }  # fmt: skip
    for path in paths:
        path.unlink()
    assert library.sync().removed == len(names)
    assert library.count() == 0


def test_links_are_followed_and_their_loops_are_not(library: Library, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "south.md").write_text(SOUTH)
    library.put("north.md", NORTH)
    (library.docs / "loop").symlink_to(library.docs)
    (library.docs / "away").symlink_to(outside)
    assert library.sync().files == 2
    assert set(library.records()) == {"north.md", "away/south.md"}


def test_progress_goes_from_scanning_over_reading_and_embedding_to_the_end(
    library: Library,
) -> None:
    for n in range(5):
        library.put(
            f"{n}.md", report_on(f"Firm {n}", *(f"fact {m} of {n}. " * 30 for m in range(8)))
        )
    library.sync()
    stages = [progress.stage for progress in library.progress]
    assert list(dict.fromkeys(stages)) == ["scanning", "reading", "embedding", "finishing"]
    embedding = [p for p in library.progress if p.stage == "embedding"]
    assert [p.done for p in embedding] == sorted(p.done for p in embedding)
    assert (embedding[-1].done, embedding[-1].total, embedding[-1].unit) == (5, 5, "files")


def test_a_folder_that_is_not_there_leaves_the_index_alone(library: Library) -> None:
    library.put("north.md", NORTH)
    library.sync()
    library.docs.rename(library.docs.with_name("moved"))
    with pytest.raises(RagoptError, match="There is no folder"):
        library.sync()
    library.docs.with_name("moved").rename(library.docs)
    assert library.sync().unchanged == 1
    assert library.is_consistent()


def test_a_folder_that_vanishes_meanwhile_is_said_and_what_is_indexed_stays(
    library: Library,
) -> None:
    library.put("north.md", NORTH)
    library.sync()
    library.put("south.md", SOUTH)

    def vanish(progress: object) -> None:
        if getattr(progress, "stage", "") == "reading":
            shutil.rmtree(library.docs)

    with pytest.raises(RagoptError, match="has vanished"):
        library.sync(report=vanish)
    assert library.top("net revenue") == ["north.md"]


def test_one_process_writes_at_a_time(library: Library) -> None:
    library.put("north.md", NORTH)
    library.sync()
    library.put("south.md", SOUTH)
    with FileLock(library.location.write_lock), pytest.raises(IndexBusy, match="Another process"):
        library.sync()
    assert library.sync().added == 1


def test_a_reader_answers_while_the_index_is_written(library: Library) -> None:
    library.put("north.md", NORTH)
    library.sync()
    index = Index.open(library.location)
    answers: list[int] = []
    library.put("south.md", SOUTH)
    library.sync(report=lambda _: answers.append(len(index.search(None, "revenue zeppelin", 5))))
    assert min(answers) >= 1
    assert len(index.search(None, "zeppelin", 5)) == 1
    index.close()


def test_an_embedder_that_cannot_be_had_leaves_the_index_alone(library: Library) -> None:
    library.put("north.md", NORTH)
    library.sync()
    with pytest.raises(RagoptError, match="There is no embedder"):
        synchronise(library.docs, "nowhere", lambda _: None)
    assert library.top("net revenue") == ["north.md"]


def test_a_giant_document_is_written_in_pieces(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragopt_tui.knowledge.ingest._BATCH_PASSAGES", 4)
    facts = [f"fact number {n} is told at length. " * 25 for n in range(24)]
    library.put("giant.md", report_on("Giant", *facts))
    library.put("small.md", NORTH)
    assert library.sync().passages > 20
    assert library.is_consistent()
    library.put("giant.md", report_on("Giant", *facts[:20], "the end came."))
    summary = library.sync()
    assert summary.changed == 1
    assert summary.embedded < 5
    assert library.is_consistent()
