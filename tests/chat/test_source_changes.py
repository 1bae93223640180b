"""What is said of an answer whose files are no longer what they were."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ragopt_tui.chat.answer import Answer, SourceState
from ragopt_tui.chat.source_changes import (
    SourceChange,
    source_changes,
    source_states,
    with_sources,
)
from ragopt_tui.knowledge.location import IndexLocation
from ragopt_tui.knowledge.passage import Hit, Passage, Profile
from ragopt_tui.knowledge.sync import synchronise

REPORT = "Revenue rose to EUR 2,418 million in 2023."
OTHER = "Net debt fell to EUR 612 million."


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "report.md").write_text(REPORT)
    (folder / "other.md").write_text(OTHER)
    read(folder)
    return folder


def read(docs: Path) -> None:
    synchronise(docs, "builtin", lambda _: None)


def hit(file: str) -> Hit:
    profile = Profile()
    return Hit(Passage("1", file, None, 1, 1, 0, 5, "prose", (), "", "Reven", profile), 1.0)


def states_of(docs: Path) -> tuple[SourceState, ...]:
    hits = [hit("report.md"), hit("report.md"), hit("other.md")]
    return source_states(IndexLocation.of(docs), hits)


def kinds(changes: list[SourceChange]) -> dict[str, str]:
    return {change.source.file: change.kind for change in changes}


def test_an_answer_keeps_the_states_of_the_files_it_rests_on_also_as_json(docs: Path) -> None:
    quotes = Answer("q", "t", False, (), (hit("other.md"),), "quotes", "g1.v1")
    answer = Answer("q", "t", False, (), (hit("report.md"),), "m", "g1.v1", quotes=quotes)
    answer = with_sources(answer, states_of(docs))
    assert [source.file for source in answer.sources] == ["report.md"]
    assert answer.sources[0].size == len(REPORT)
    assert answer.quotes is not None
    assert [source.file for source in answer.quotes.sources] == ["other.md"]
    assert Answer.from_json(json.loads(json.dumps(answer.to_json()))) == answer


def test_a_file_that_is_as_it_was_is_not_named_even_where_its_time_is_another(docs: Path) -> None:
    states = states_of(docs)
    assert source_changes(docs, states) == []
    os.utime(docs / "report.md", (1, 1))
    assert source_changes(docs, states) == []


def test_a_changed_file_is_named_before_and_after_it_is_read_again(docs: Path) -> None:
    states = states_of(docs)
    (docs / "report.md").write_text(REPORT.replace("2,418", "2,481"))
    assert kinds(source_changes(docs, states)) == {"report.md": "changed"}
    read(docs)
    assert kinds(source_changes(docs, states)) == {"report.md": "changed"}
    assert source_changes(docs, states_of(docs)) == []


def test_a_file_changed_back_is_as_it_was(docs: Path) -> None:
    states = states_of(docs)
    (docs / "report.md").write_text("something else")
    (docs / "report.md").write_text(REPORT)
    assert source_changes(docs, states) == []


def test_a_renamed_file_is_named_with_its_name_once_it_is_read(docs: Path) -> None:
    states = states_of(docs)
    (docs / "report.md").rename(docs / "report 2023.md")
    assert kinds(source_changes(docs, states)) == {"report.md": "gone"}
    read(docs)
    (change,) = source_changes(docs, states)
    assert (change.kind, change.now) == ("renamed", "report 2023.md")


def test_a_deleted_file_is_gone_and_none_is_while_the_folder_is_away(docs: Path) -> None:
    states = states_of(docs)
    (docs / "other.md").unlink()
    assert kinds(source_changes(docs, states)) == {"other.md": "gone"}
    docs.rename(docs.with_name("elsewhere"))
    assert source_changes(docs, states) == []


def test_a_stored_name_that_leads_out_of_the_folder_is_not_followed(docs: Path) -> None:
    assert source_changes(docs, [SourceState("../secret.md", 1, 1, "00")]) == []
