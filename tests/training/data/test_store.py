"""Stored sets: whole or not there, kept once, versioned by content, never lost."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.data.example import Evidence, Example, Problem
from ragopt_tui.training.data.exporting import export_set
from ragopt_tui.training.data.importing import Request, import_set
from ragopt_tui.training.data.record import DataSetRecord, Origin
from ragopt_tui.training.data.store import DataSet, DataSetStore
from tests.training.data.made import turns

EXAMPLES = [
    replace(turns("Hi?", "Hm.", "So?", "Yes.", untrained=[1], system="Be short."), place="line 1"),
    Example(
        turns("Revenue?", "5.").messages,
        evidence=(Evidence("Revenue of 5.", True, "q4.md"), Evidence("Staff grew.", False)),
        group="Northwind",
        place="line 2",
    ),
    replace(turns("1+1=", "2"), between="", place="line 3"),
    Example(text="Umsätze stiegen.\n", place="line 4"),
]


@pytest.fixture
def store() -> DataSetStore:
    return DataSetStore()


def kept(store: DataSetStore, examples: list[Example], name: str = "My set") -> DataSet:
    record = DataSetRecord("", name, "", "messages", 0.0, {})
    return store.add(record, {"train": examples[:-1], "test": examples[-1:]}, [Problem("x", "y")])


def test_examples_come_back_as_they_were(store: DataSetStore) -> None:
    data = kept(store, EXAMPLES)
    assert (data.id, data.record.name) == ("my-set", "My set")
    assert data.record.rows == {"train": 3, "validation": 0, "test": 1}
    assert list(data.examples("train")) == EXAMPLES[:3]
    assert list(data.examples("test")) == EXAMPLES[3:]
    assert data.problems() == [Problem("x", "y")]
    assert store.find("my").record == data.record


def test_a_stored_dialogue_is_a_row_of_chat_messages_as_other_programs_read_them(
    store: DataSetStore,
) -> None:
    file = kept(store, EXAMPLES).folder / "train.jsonl"
    first, second, _ = map(json.loads, file.read_text().splitlines())
    assert first["messages"][2] == {"role": "assistant", "content": "Hm.", "weight": 0}
    assert second["messages"] == [
        {"role": "user", "content": "Revenue?"},
        {"role": "assistant", "content": "5."},
    ]


def test_the_same_examples_are_kept_once_and_others_beside_them(store: DataSetStore) -> None:
    first = kept(store, EXAMPLES)
    assert kept(store, EXAMPLES, "other name").id == first.id
    second = kept(store, EXAMPLES[1:])
    assert second.id == "my-set-2"
    assert second.record.version != first.record.version
    assert {data.id for data in store.sets()} == {"my-set", "my-set-2"}


def test_a_set_goes_to_the_trash_and_comes_back(store: DataSetStore) -> None:
    data = kept(store, EXAMPLES)
    store.remove("my-set")
    assert not store.sets()
    assert kept(store, EXAMPLES[1:]).id == "my-set-2"
    assert [each.id for each in store.removed()] == ["my-set"]
    assert store.restore("my-set").record == data.record
    store.remove("my-set-2")
    store.purge("my-set-2")
    assert not store.removed()


def test_a_name_can_change_and_the_id_stays(store: DataSetStore) -> None:
    kept(store, EXAMPLES)
    assert store.rename("my-set", "Q and A").id == "my-set"
    assert store.find("Q and A").record.name == "Q and A"


def test_changed_or_missing_examples_are_noticed(store: DataSetStore) -> None:
    data = kept(store, EXAMPLES)
    data.check()
    file = data.folder / "train.jsonl"
    file.write_text(file.read_text().replace("Revenue?", "Costs?"))
    with pytest.raises(RagoptError, match="my-set is damaged"):
        data.check()
    file.write_text("{broken")
    with pytest.raises(RagoptError, match=r"my-set is damaged: train\.jsonl"):
        list(data.examples("train"))
    file.unlink()
    with pytest.raises(RagoptError, match=r"train\.jsonl: No such file"):
        list(data.examples("train"))


def test_a_set_whose_record_is_broken_does_not_hide_the_others(store: DataSetStore) -> None:
    kept(store, EXAMPLES)
    broken = store.folder / "broken"
    broken.mkdir()
    (broken / "dataset.json").write_text("{}")
    assert [data.id for data in store.sets()] == ["my-set"]
    with pytest.raises(RagoptError, match="broken cannot be read"):
        store.find("broken")


def test_what_is_not_there_or_not_unique_is_said(store: DataSetStore) -> None:
    with pytest.raises(RagoptError, match="no data set 'x'"):
        store.find("x")
    kept(store, EXAMPLES)
    kept(store, EXAMPLES[1:], "My other")
    with pytest.raises(RagoptError, match="2 data sets begin so"):
        store.find("my-")
    with pytest.raises(RagoptError, match="in the trash"):
        store.restore("../my-set")


def test_a_folder_that_cannot_be_written_is_named(store: DataSetStore) -> None:
    store.folder.parent.mkdir(parents=True)
    store.folder.write_text("a file where the folder should be")
    with pytest.raises(RagoptError, match="datasets cannot be changed"):
        kept(store, EXAMPLES)


def test_a_write_that_fails_leaves_nothing_behind(
    store: DataSetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RagoptError, match="No space left"):
        kept(store, EXAMPLES)
    assert not list(store.folder.iterdir())


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_an_exported_set_is_imported_as_the_same_dialogues(
    store: DataSetStore, tmp_path: Path, kind: str
) -> None:
    dialogues = EXAMPLES[:3]
    files = export_set(kept(store, [*dialogues, EXAMPLES[1]]), tmp_path / "out", kind)
    assert [file.name for file in files] == [f"train.{kind}", f"test.{kind}"]
    back = import_set(Request(str(tmp_path / "out")), store)
    unplaced = [replace(each, place="", group="") for each in dialogues]
    found = [replace(each, place="", group="") for each in back.examples("train")]
    assert found == unplaced


def test_questions_with_evidence_are_exported_to_csv_and_imported_again(
    store: DataSetStore, tmp_path: Path
) -> None:
    asked = [
        Example(
            turns(f"Revenue {n}?", "5,\n6.").messages,
            evidence=(Evidence("Revenue of 5.", True, "q4.md"),),
            group="Northwind",
        )
        for n in range(2)
    ]
    record = DataSetRecord("", "a", "", "question-answer", 0.0, {})
    (file,) = export_set(store.add(record, {"train": asked}), tmp_path / "a.csv")
    assert file.read_text().splitlines()[0] == "question,answer,evidence,file,group"
    back = import_set(Request(str(file), name="b", group="group"), store)
    assert [replace(each, place="") for each in back.examples("train")] == asked


@pytest.mark.parametrize(
    ("example", "said"), [(EXAMPLES[0], "several turns"), (EXAMPLES[1], "several passages")]
)
def test_csv_refuses_what_it_cannot_hold(
    store: DataSetStore, tmp_path: Path, example: Example, said: str
) -> None:
    record = DataSetRecord("", "a", "", "messages", 0.0, {})
    data = store.add(record, {"train": [example]})
    with pytest.raises(RagoptError, match=said):
        export_set(data, tmp_path / "a.csv")
    assert not list(tmp_path.glob("*a.csv*"))


def test_the_licence_of_a_set_goes_with_what_is_exported(
    store: DataSetStore, tmp_path: Path
) -> None:
    origin = Origin("hf:me/facts", revision="abc123", licence="cc-by-4.0")
    record = DataSetRecord("", "facts", "", "text", 0.0, {}, origin)
    data = store.add(record, {"train": EXAMPLES[3:]})
    file, licence = export_set(data, tmp_path / "one" / "a.jsonl")
    assert licence == tmp_path / "one" / "a.licence.txt"
    said = "Data set: facts\nSource: hf:me/facts, revision abc123\nLicence: cc-by-4.0\n"
    assert licence.read_text() == said
    with pytest.raises(RagoptError, match=r"a\.licence\.txt is there already"):
        export_set(data, tmp_path / "one" / "a.csv")
    assert sorted((tmp_path / "one").iterdir()) == [file, licence]
    both = store.add(record, {"train": EXAMPLES[3:], "test": EXAMPLES[3:]})
    *_, licence = export_set(both, tmp_path / "two")
    assert licence == tmp_path / "two" / "licence.txt"
    for folder in ("one", "two"):
        assert import_set(Request(str(tmp_path / folder)), store).record.format == "text"


def test_an_export_overwrites_nothing(store: DataSetStore, tmp_path: Path) -> None:
    record = DataSetRecord("", "a", "", "text", 0.0, {})
    data = store.add(record, {"train": EXAMPLES[3:]})
    (tmp_path / "a.jsonl").write_text("mine")
    with pytest.raises(RagoptError, match="is there already"):
        export_set(data, tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").read_text() == "mine"
    with pytest.raises(RagoptError, match="not written as 'xlsx'"):
        export_set(data, tmp_path / "a.xlsx")


def test_the_same_file_is_kept_once_and_its_own_splits_stay(
    store: DataSetStore, tmp_path: Path
) -> None:
    for split in ("train", "test"):
        lines = "\n".join(json.dumps({"text": f"{split} {n}"}) for n in range(3))
        (tmp_path / f"{split}.jsonl").write_text(lines)
    data = import_set(Request(str(tmp_path), name="own"), store)
    assert data.record.rows == {"train": 3, "validation": 0, "test": 3}
    assert import_set(Request(str(tmp_path)), store).id == data.id == "own"
