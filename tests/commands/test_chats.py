"""`ragopt-tui chats`, as it is called from a shell."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.conversations.store import store_file
from ragopt_tui.cli import main
from tests.ui.kept import exchange, held, stored
from tests.ui.scripted import QUESTION, refusal, unsupported


@pytest.fixture
def margins() -> int:
    """A conversation of two questions."""
    first = exchange(QUESTION, unsupported(), prompt=[{"role": "user", "content": "…"}])
    return held(first, exchange("Is there goodwill?", refusal()), title="Margins £ [2023]")


def test_conversations_are_listed_the_last_used_first(
    margins: int, capsys: pytest.CaptureFixture[str]
) -> None:
    later = held(exchange("one"), title="Later", days_ago=0)
    assert main(["chats", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split()[0]) for line in lines] == [later, margins]
    assert "2  Margins £ [2023]  (/reports/sample_docs)" in lines[1]


def test_the_list_is_json_and_can_be_searched(
    margins: int, capsys: pytest.CaptureFixture[str]
) -> None:
    held(exchange("one", refusal()), title="Other")
    assert main(["chats", "list", "--search", "goodw", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["conversations"]
    assert (found["id"], found["title"], found["questions"]) == (margins, "Margins £ [2023]", 2)
    assert set(found) == {"id", "title", "docs", "created", "updated", "questions"}


def test_nothing_kept_is_an_empty_list_and_no_file_is_made(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["chats", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"conversations": []}
    assert main(["chats", "list"]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "No conversation was found.\n")
    assert not store_file().exists()


def test_a_conversation_is_shown_as_markdown_and_as_json_with_all_that_is_kept(
    margins: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chats", "show", str(margins)]) == 0
    assert capsys.readouterr().out.startswith("# Margins £ \\[2023\\]\n\nDocuments: ")
    assert main(["chats", "show", str(margins), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    first, second = shown["exchanges"]
    assert Answer.from_json(first["answer"]) == unsupported()
    assert first["prompt"] == [{"role": "user", "content": "…"}]
    assert [hit["file"] for hit in second["evidence"]][:1] == ["northwind_annual_report_2023.md"]
    assert (second["state"], second["seed"], second["filters"]) == ("done", None, {})


def test_an_export_is_written_once_and_never_over_a_file(
    margins: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["chats", "export", str(margins)]) == 0
    file = Path(capsys.readouterr().out.strip())
    assert file == Path("Margins-2023.md")
    text = file.read_text()
    assert "## 2. Is there goodwill?" in text
    assert main(["chats", "export", str(margins)]) == 1
    assert "Margins-2023.md is there already." in capsys.readouterr().err
    assert file.read_text() == text
    assert main(["chats", "export", str(margins), "--out", "a/b.md"]) == 1
    assert "a/b.md cannot be written: No such file or directory." in capsys.readouterr().err
    assert main(["chats", "export", str(margins), "--out", "b.md", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": "b.md", "questions": 2}


def test_an_unknown_or_deleted_conversation_is_said_in_a_sentence(
    margins: int, capsys: pytest.CaptureFixture[str]
) -> None:
    store = stored()
    store.delete(margins, store.summaries()[0].updated)
    for command in ("show", "export"):
        assert main(["chats", command, str(margins)]) == 1
        assert f"There is no conversation {margins}." in capsys.readouterr().err


def test_a_damaged_store_is_named_and_left_where_it_is(
    margins: int, capsys: pytest.CaptureFixture[str]
) -> None:
    store_file().write_bytes(b"nothing " * 1000)
    assert main(["chats", "list"]) == 1
    assert f"The conversations in {store_file()} are damaged." in capsys.readouterr().err
    assert store_file().read_bytes() == b"nothing " * 1000


def test_conversations_are_listed_while_another_assistant_writes(
    margins: int, capsys: pytest.CaptureFixture[str]
) -> None:
    other = sqlite3.connect(store_file(), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE conversations SET title = 'half written'")
    assert main(["chats", "list"]) == 0
    assert f"{margins}  " in (listed := capsys.readouterr().out)
    assert "half written" not in listed
    other.execute("ROLLBACK")
    other.close()


@pytest.mark.parametrize("arguments", [[], ["show"], ["show", "x"], ["show", "0"], ["forget", "1"]])
def test_wrong_usage_is_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["chats", *arguments])
    assert ended.value.code == 2
    assert "usage: ragopt-tui chats" in capsys.readouterr().err
