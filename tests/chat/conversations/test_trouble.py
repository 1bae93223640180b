"""A store that is locked, read-only, damaged, full, or shared: nothing is lost and it is said."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ragopt_tui.chat.conversations.database import DamagedStore, Database, open_or_replace
from ragopt_tui.chat.conversations.store import ConversationStore, open_store
from ragopt_tui.errors import RagoptError
from tests.chat.conversations.exchanges import DOCS, NOON, answered, conversation, opened

_NOBODY = 65534
_WRITER = """
import sys
from pathlib import Path
from tests.chat.conversations.exchanges import DOCS, NOON, answered, opened
store = opened(Path(sys.argv[1]))
sys.stdin.readline()
for n in range(40):
    title = f"{sys.argv[2]} {n}"
    store.begin(DOCS, title, answered(title), NOON)
"""


@contextmanager
def not_root() -> Iterator[None]:
    """Act as a user whom permissions stop, where the tests run as root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_locked_store_says_so_and_takes_the_answer_once_it_is_free(file: Path) -> None:
    store = ConversationStore(Database(file, busy_seconds=0.05))
    id = conversation(store, "one")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(RagoptError, match=r"chats\.db cannot be used: it is locked by another"):
        store.put(id, answered("two"), NOON)
    assert store.summary(id).questions == 1
    other.execute("ROLLBACK")
    store.put(id, answered("two"), NOON)
    assert store.summary(id).questions == 2


def test_a_store_that_may_only_be_read_is_read(open_folder: Path) -> None:
    file = open_folder / "chats.db"
    store = opened(file)
    id = conversation(store, "one")
    store.close()
    file.chmod(0o444)
    open_folder.chmod(0o555)
    with not_root():
        store = opened(file)
        assert [e.question for e in store.exchanges(id)] == ["one"]
        with pytest.raises(RagoptError, match="may only be read"):
            store.put(id, answered("two"), NOON)
        store.close()


def test_a_folder_that_may_not_be_written_and_has_no_store_is_named(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with not_root(), pytest.raises(RagoptError, match=r"chats\.db cannot be used: it cannot be op"):
        Database(open_folder / "chats.db")
    with not_root(), pytest.raises(RagoptError, match="cannot be made for the conversations"):
        Database(open_folder / "data" / "chats.db")


@pytest.mark.parametrize(
    "content", [b"not a database " * 100, b"SQLite format 3\0" + b"\xff" * 4080]
)
def test_a_damaged_store_is_set_aside_under_a_name_that_is_given(
    file: Path, content: bytes
) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    store, aside = open_store(file)
    assert aside is not None
    assert aside.name.startswith("chats.db.damaged-")
    assert aside.read_bytes() == content
    assert store.summaries() == []
    conversation(store, "one")
    store.close()
    assert [s.title for s in opened(file).summaries()] == ["one"]


def test_damage_within_the_file_is_found_when_it_is_met_and_nothing_is_deleted(file: Path) -> None:
    store = opened(file)
    id = conversation(store, *(f"question {n}" for n in range(30)))
    store.close()
    whole = file.read_bytes()
    half = len(whole) // 2
    file.write_bytes(whole[:half] + b"\xa5" * (len(whole) - half))
    damaged = opened(file)
    with pytest.raises(DamagedStore):
        damaged.exchanges(id)
    damaged.close()
    fresh, aside = open_store(file, check=True)
    assert aside is not None
    assert aside.read_bytes()[:half] == whole[:half]
    assert fresh.summaries() == []


def test_a_database_of_something_else_is_set_aside_too(file: Path) -> None:
    file.parent.mkdir(parents=True)
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE conversations (something TEXT)")
    other.execute("INSERT INTO conversations VALUES ('else')")
    other.commit()
    other.close()
    _, aside = open_store(file)
    assert aside is not None
    assert sqlite3.connect(aside).execute("SELECT * FROM conversations").fetchall() == [("else",)]


def test_of_two_assistants_that_find_damage_one_sets_it_aside_and_both_use_the_fresh_one(
    file: Path,
) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not a database " * 100)
    first, aside = open_store(file)
    conversation(first, "kept")
    second, none = open_or_replace(file, check=True)
    assert aside is not None
    assert none is None
    assert [s.title for s in ConversationStore(second).summaries()] == ["kept"]


def test_a_store_of_a_newer_version_is_left_as_it_is(file: Path) -> None:
    opened(file).close()
    db = sqlite3.connect(file)
    db.execute("PRAGMA user_version = 99")
    db.close()
    before = file.read_bytes()
    with pytest.raises(RagoptError, match="written by a newer ragopt-tui"):
        open_store(file)
    assert file.read_bytes() == before


def test_a_full_disk_takes_back_the_half_written_answer(file: Path) -> None:
    store = opened(file)
    id = conversation(store, "one")
    (pages,) = store.database.rows("PRAGMA page_count")[0]
    store.database.rows(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(RagoptError, match="the disk is full"):
        store.put(id, answered("two " * 50_000), NOON)
    assert [e.question for e in store.exchanges(id)] == ["one"]
    store.database.rows("PRAGMA max_page_count = 1000000")
    store.put(id, answered("two"), NOON)
    assert store.summary(id).questions == 2


def test_two_assistants_write_at_once_and_both_are_kept(file: Path) -> None:
    command = [sys.executable, "-c", _WRITER, str(file)]
    writers = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for name in ("left", "right")
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    for writer in writers:
        _, complaint = writer.communicate(timeout=120)
        assert writer.returncode == 0, complaint.decode()
    store = opened(file)
    assert {s.title for s in store.summaries()} == {
        f"{name} {n}" for name in ("left", "right") for n in range(40)
    }
    assert store.database.rows("PRAGMA integrity_check")[0][0] == "ok"


def test_two_assistants_see_what_the_other_kept_in_one_conversation(file: Path) -> None:
    one, two = opened(file), opened(file)
    id = conversation(one, "from one")
    two.put(id, answered("from two"), NOON)
    one.put(id, answered("from one again"), NOON)
    expected = ["from one", "from two", "from one again"]
    assert [e.question for e in one.exchanges(id)] == expected
    assert [e.question for e in two.exchanges(id)] == expected
    assert one.latest(DOCS) == two.latest(DOCS)
