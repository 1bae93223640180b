"""What is listed of a folder, whatever is in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.scan import content_hash, scan


def put(path: Path, text: str = "Text.") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def test_readable_files_are_listed_with_size_and_time_by_key(docs: Path) -> None:
    report = put(docs / "2023" / "Report.MD", "12345")
    put(docs / "letter.txt")
    found = scan(docs)
    assert list(found.files) == ["letter.txt", "2023/Report.MD"]
    file = found.files["2023/Report.MD"]
    assert (file.path, file.size, file.modified_ns) == (report, 5, report.stat().st_mtime_ns)
    assert found.left_out == {}


def test_an_empty_folder_has_no_files(docs: Path) -> None:
    assert scan(docs).files == {}


def test_hidden_files_and_folders_are_skipped(docs: Path) -> None:
    put(docs / ".git" / "a.md")
    put(docs / ".hidden.md")
    put(docs / "~$report.docx")
    (docs / ".link.md").symlink_to(put(docs / "b.md"))
    assert list(scan(docs).files) == ["b.md"]


def test_files_that_are_not_read_have_a_reason(docs: Path) -> None:
    put(docs / "movie.MP4")
    put(docs / "README")
    os.mkfifo(docs / "pipe.md")
    assert scan(docs).left_out == {
        "README": "Its name has no ending.",
        "movie.MP4": "Files ending in .mp4 are not read.",
        "pipe.md": "It is not a file but a pipe, a socket or a device.",
    }


def test_links_that_loop_or_lead_nowhere_are_left_out(docs: Path) -> None:
    put(docs / "a" / "x.md")
    (docs / "a" / "up").symlink_to(docs)
    (docs / "a" / "self").symlink_to(docs / "a")
    (docs / "root").symlink_to("/")
    (docs / "one.md").symlink_to(docs / "two.md")
    (docs / "two.md").symlink_to(docs / "one.md")
    (docs / "gone.md").symlink_to(docs / "nothing.md")
    found = scan(docs)
    assert list(found.files) == ["a/x.md"]
    assert set(found.left_out) == {"one.md", "two.md", "gone.md"}
    assert all("leads nowhere" in reason for reason in found.left_out.values())


def test_links_out_of_the_folder_are_followed_once(docs: Path, tmp_path: Path) -> None:
    put(tmp_path / "outside" / "deep" / "y.md")
    single = put(tmp_path / "single.md")
    (docs / "first").symlink_to(tmp_path / "outside")
    (docs / "second").symlink_to(tmp_path / "outside")
    (docs / "deeper").symlink_to(tmp_path / "outside" / "deep")
    (docs / "file.md").symlink_to(single)
    (docs / "same.md").symlink_to(single)
    keys = set(scan(docs).files)
    assert len(keys) == 2
    assert keys & {"first/deep/y.md", "deeper/y.md"}
    assert "file.md" in keys


def test_what_is_there_without_a_link_keeps_its_own_name(docs: Path) -> None:
    put(docs / "z" / "x.md")
    (docs / "a").symlink_to(docs / "z")
    (docs / "b.md").symlink_to(docs / "z" / "x.md")
    assert list(scan(docs).files) == ["z/x.md"]


@pytest.mark.parametrize(
    "name", [b"[bold]x[/].md", b"a\nb\x1b]0;t\x07.md", b"caf\xe9.md", b"it's \"odd\" \\.md", "年報.md".encode()]
)  # fmt: skip
def test_any_name_gets_a_key_that_can_be_stored(docs: Path, name: bytes) -> None:
    path = Path(os.fsdecode(os.fsencode(docs) + b"/" + name))
    put(path)
    (key, found), *others = scan(docs).files.items()
    assert not others
    assert found.path == path
    assert key.encode("utf-8")
    assert len(key.splitlines()) == 1


def test_a_folder_that_may_not_be_listed_is_left_out(
    docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(docs / "open.md")
    put(docs / "closed" / "x.md")
    (docs / "closed").chmod(0)
    if os.geteuid() == 0:  # no permission is ever missing for root
        real = os.scandir

        def refusing(path: Path) -> object:
            if Path(path).name == "closed":
                raise PermissionError(13, "Permission denied")
            return real(path)

        monkeypatch.setattr(os, "scandir", refusing)
    found = scan(docs)
    assert list(found.files) == ["open.md"]
    assert found.left_out == {"closed/": "The folder cannot be read: Permission denied."}
    (docs / "closed").chmod(0o700)


@pytest.mark.parametrize("name", ["nothing", "file.md"])
def test_what_is_no_folder_is_said(docs: Path, name: str) -> None:
    put(docs / "file.md")
    with pytest.raises(RagoptError, match="cannot be read"):
        scan(docs / name)


def test_the_number_of_files_is_reported_on_the_way(docs: Path) -> None:
    put(docs / "a.md")
    put(docs / "sub" / "b.md")
    counts: list[int] = []
    scan(docs, counts.append)
    assert counts == [1, 2]


def test_the_hash_is_of_the_content_alone(docs: Path) -> None:
    first, second = put(docs / "a.md", "same"), put(docs / "b.txt", "same")
    assert content_hash(first) == content_hash(second)
    assert content_hash(first) != content_hash(put(docs / "c.md", "other"))
