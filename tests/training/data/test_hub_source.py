"""Data sets of the hub: data files only, with commit and licence; plain words where there are none."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.data.importing import Request, import_set
from ragopt_tui.training.data.store import DataSet, DataSetStore
from tests.models.conftest import hub as hub
from tests.models.hub_server import Hub, Repository

ROW = {"instruction": "What was revenue?", "output": "5."}
JSONL = json.dumps(ROW).encode()


def table(**columns: list[str]) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.table(columns), out)
    return out.getvalue()


def imported(place: str, **options: str) -> DataSet:
    return import_set(Request(place, **options), DataSetStore())  # type: ignore[arg-type]


@pytest.mark.parametrize("place", ["me/facts", "hf:me/facts"])
def test_data_files_are_fetched_by_split_with_commit_and_licence(hub: Hub, place: str) -> None:
    hub.repositories["me/facts"] = Repository(
        {
            "README.md": b"about",
            "facts.py": b"raise SystemExit",
            "dataset_infos.json": b"{}",
            "data/train-00000-of-00001.parquet": table(instruction=["a", "b"], output=["1", "2"]),
            "data/validation-00000-of-00001.parquet": table(instruction=["c"], output=["3"]),
            "old.csv": b"instruction,output\nx,y\n",
        },
        tags=["license:cc-by-4.0"],
    )
    told: list[str] = []
    request = Request(place)
    data = import_set(request, DataSetStore(), lambda stage, done, total: told.append(stage))
    assert data.record.rows == {"train": 2, "validation": 1, "test": 0}
    origin = data.record.origin
    assert (origin.place, origin.revision, origin.licence) == ("hf:me/facts", "c" * 40, "cc-by-4.0")
    assert data.record.name == "facts"
    assert "fetching" in told
    assert not hub.asked("GET", "facts.py")
    assert not hub.asked("GET", "old.csv")


def test_a_broken_connection_is_taken_up_again(hub: Hub) -> None:
    hub.repositories["me/facts"] = Repository({"facts.jsonl": JSONL})
    hub.cuts["facts.jsonl"] = [10]
    assert next(imported("me/facts").examples("train")).question == ROW["instruction"]


def test_a_set_made_by_a_script_is_taken_from_the_hubs_own_copy_or_refused(hub: Hub) -> None:
    hub.repositories["me/scripted"] = Repository({"scripted.py": b"raise SystemExit"})
    with pytest.raises(RagoptError, match="no data files that are read") as refused:
        imported("me/scripted")
    assert "script" in refused.value.hint
    assert not DataSetStore().sets()


def test_names_in_a_repository_lead_nowhere_else(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["me/evil"] = Repository({"../../evil.jsonl": JSONL, "good.jsonl": JSONL})
    assert imported("me/evil").record.count == 1
    assert not list(tmp_path.rglob("evil.jsonl"))


def test_what_is_not_there_or_switched_off_is_said_plainly(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RagoptError, match="no data set me/nothing") as refused:
        imported("me/nothing")
    assert "There is no file me/nothing here either" in refused.value.hint
    with pytest.raises(RagoptError, match="no data set me/nothing") as refused:
        imported("hf:me/nothing")
    assert "no file" not in refused.value.hint
    hub.repositories["me/facts"] = Repository({"facts.jsonl": JSONL})
    with pytest.raises(RagoptError, match="no revision 'v9'"):
        imported("me/facts", revision="v9")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(RagoptError, match="hub is switched off"):
        imported("me/facts")
