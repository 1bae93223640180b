"""Getting a model from the hub, in a job's process and step by step."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.jobs.job import Job
from ragopt_tui.models.pull_job import run, start_pull
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from tests.models.hub_models import folder_model
from tests.models.hub_server import READER, STRANGER, Hub, Repository

WEIGHTS = "model.safetensors"
COMMIT = "c" * 40


@pytest.fixture
def large(hub: Hub) -> Hub:
    """A hub with a model of 3.2 MB."""
    hub.repositories["me/Tiny-1"] = Repository(folder_model(words=100_000))
    return hub


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def ended(job: Job) -> Job:
    until(lambda: job.state != "running")
    return job


def pull(tmp_path: Path, repository: str = "me/Tiny-1", **parameters: str) -> dict[str, Any]:
    defaults = {"revision": "main", "file": "", "working_folder": str(tmp_path)}
    reporter = Reporter(tmp_path / "events.jsonl")
    return run({"repository": repository} | defaults | parameters, reporter)


def cached(tmp_path: Path) -> Path:
    return tmp_path / "hf" / "hub" / "models--me--Tiny-1"


def library() -> VariantStore:
    return VariantStore(folders().models)


def mine() -> list[str]:
    return [variant.id for variant in library().variants() if not variant.builtin]


def test_a_job_gets_a_model_into_the_shared_cache_and_the_library(
    large: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import scan_cache_dir, snapshot_download

    monkeypatch.chdir(tmp_path)
    job = ended(start_pull("me/Tiny-1"))
    assert job.state == "finished", job.log_file.read_text()
    assert job.result is not None
    assert job.reason == "Tiny-1 is in the library."
    record = library().record(job.result.result["variant"])
    assert (record.variant.name, record.variant.kind, record.variant.problem) == (
        "Tiny-1",
        "base",
        "",
    )
    assert (record.source.hub_id, record.source.revision) == ("me/Tiny-1", COMMIT)
    weights = large.repositories["me/Tiny-1"].files[WEIGHTS]
    hashes = {file.name: file.sha256 for file in record.files}
    assert hashes[WEIGHTS] == hashlib.sha256(weights).hexdigest()
    folder = Path(snapshot_download("me/Tiny-1", local_files_only=True))
    assert record.variant.path == folder == cached(tmp_path) / "snapshots" / COMMIT
    assert sorted(file.name for file in folder.iterdir()) == [
        *("README.md", "chat_template.jinja", "config.json", WEIGHTS, "tokenizer.json")
    ]
    (known,) = scan_cache_dir(tmp_path / "hf" / "hub").repos
    assert (known.repo_id, known.nb_files) == ("me/Tiny-1", 5)
    progress = job.progress()
    assert progress is not None
    assert (progress.stage, progress.unit) == ("downloading", "bytes")
    assert progress.done == progress.total == record.bytes


def test_a_job_that_was_killed_is_started_again_and_fetches_only_the_rest(
    large: Hub, tmp_path: Path
) -> None:
    large.held[WEIGHTS] = threading.Event()
    job = start_pull("me/Tiny-1")
    blobs = cached(tmp_path) / "blobs"
    until(lambda: any(file.stat().st_size > 1_000_000 for file in blobs.glob("*.incomplete")))
    pid = job.folder.process_id()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert ended(job).state == "died"
    assert mine() == []
    assert not (cached(tmp_path) / "snapshots").exists()
    large.held.pop(WEIGHTS).set()
    (partial,) = blobs.glob("*.incomplete")
    arrived = partial.stat().st_size
    large.requests.clear()
    assert ended(start_pull("me/Tiny-1")).state == "finished"
    (request,) = large.asked("GET", "/storage/")
    assert request["range"] == f"bytes={arrived}-"
    assert len(mine()) == 1
    assert list(blobs.glob("*.incomplete")) == []


def test_a_job_is_cancelled_within_a_file(large: Hub, tmp_path: Path) -> None:
    large.held[WEIGHTS] = threading.Event()
    job = start_pull("me/Tiny-1")
    until(lambda: large.asked("GET", "/storage/"))
    pid = job.folder.process_id()
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    ended(job)
    assert (job.state, job.reason) == ("cancelled", "Cancelled.")
    assert mine() == []


def test_a_full_disk_is_said_and_the_next_job_goes_on(large: Hub, tmp_path: Path) -> None:
    code = (
        "import resource, time; from ragopt_tui.models.pull_job import start_pull;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY));"
        "job = start_pull('me/Tiny-1')\n"
        "while job.state == 'running': time.sleep(0.02)\n"
        "print(job.state, job.reason, job.result.hint)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.startswith(f"failed The disk is full: {WEIGHTS} could not be written to")
    assert "start it again; what has come is kept" in said.stdout
    assert mine() == []
    pull(tmp_path)
    assert large.asked("GET", "/storage/")[-1]["range"] == "bytes=1000000-"
    assert len(mine()) == 1


def test_a_model_that_has_no_room_is_refused_beforehand(large: Hub, tmp_path: Path) -> None:
    large.announced_sizes[WEIGHTS] = 10**18
    with pytest.raises(RagoptError, match=r"needs 1000000000.0 GB more on the disk of .* GB free"):
        pull(tmp_path)
    assert large.asked("GET", "/resolve/") == []


def test_a_wrong_checksum_is_refused_and_nothing_appears(large: Hub, tmp_path: Path) -> None:
    large.announced_digests[WEIGHTS] = "0" * 64
    with pytest.raises(RagoptError, match=r"model\.safetensors did not arrive as the hub"):
        pull(tmp_path)
    assert mine() == []
    assert not (cached(tmp_path) / "snapshots").exists()
    assert list((cached(tmp_path) / "blobs").glob("0" * 64 + "*")) == []


def test_a_cache_that_cannot_be_written_is_named(large: Hub, tmp_path: Path) -> None:
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "hub").write_text("in the way")
    with pytest.raises(RagoptError, match=r"cache .*/hf/hub cannot be written to: Not a directory"):
        pull(tmp_path)


def test_a_revision_never_leads_out_of_the_cache(large: Hub, tmp_path: Path) -> None:
    large.repositories["me/Tiny-1"].revisions = {"../../../odd"}
    pull(tmp_path, revision="../../../odd")
    assert len(mine()) == 1
    assert not list(tmp_path.rglob("odd"))


def test_what_the_cache_has_is_not_fetched_again(large: Hub, tmp_path: Path) -> None:
    first = pull(tmp_path)
    library().rename(first["variant"], "my favourite")
    large.requests.clear()
    again = pull(tmp_path)
    assert again["variant"] == first["variant"]
    assert library().record(first["variant"]).variant.name == "my favourite"
    assert large.asked("GET", "/resolve/") == []


def test_a_damaged_file_of_the_cache_is_fetched_anew(large: Hub, tmp_path: Path) -> None:
    pull(tmp_path)
    weights = cached(tmp_path) / "snapshots" / COMMIT / WEIGHTS
    weights.resolve().write_bytes(b"half")
    pull(tmp_path)
    assert weights.read_bytes() == large.repositories["me/Tiny-1"].files[WEIGHTS]


def test_another_revision_is_a_variant_of_its_own(large: Hub, tmp_path: Path) -> None:
    pull(tmp_path)
    large.repositories["me/Tiny-1"].commit = "d" * 40
    large.repositories["me/Tiny-1"].revisions = {"main", "v2/beta"}
    pull(tmp_path, revision="v2/beta")
    assert len(mine()) == 2
    assert (cached(tmp_path) / "refs" / "v2" / "beta").read_text() == "d" * 40
    assert (cached(tmp_path) / "refs" / "main").read_text() == COMMIT


@pytest.mark.parametrize(
    ("token", "reason", "hint"),
    [
        ("", "gives it only to those who accepted its terms", "hf auth login"),
        (STRANGER, "your token may not read it: Access to model me/Tiny-1", "Accept its terms at"),
    ],
)
def test_a_gated_model_is_explained(
    large: Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
    reason: str,
    hint: str,
) -> None:
    large.repositories["me/Tiny-1"].gated = True
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(RagoptError, match=reason) as refused:
        pull(tmp_path)
    assert hint in refused.value.hint
    assert f"{large.url}/me/Tiny-1" in refused.value.hint
    assert mine() == []


def test_a_token_from_the_working_folder_opens_a_gated_model_and_is_kept_nowhere(
    large: Hub, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large.repositories["me/Tiny-1"].gated = True
    work = tmp_path / "work"
    work.mkdir()
    (work / ".env").write_text(f"HF={READER}\n")
    monkeypatch.chdir(work)
    monkeypatch.setenv("HF_DEBUG", "1")
    assert ended(start_pull("me/Tiny-1")).state == "finished"
    assert large.asked("GET", "/resolve/")[0]["authorization"] == f"Bearer {READER}"
    everything = [file for file in home.rglob("*") if file.is_file()]
    assert len(everything) > 4
    assert not [file for file in everything if READER.encode() in file.read_bytes()]


def test_what_cannot_answer_is_in_the_library_with_its_reason(large: Hub, tmp_path: Path) -> None:
    del large.repositories["me/Tiny-1"].files["tokenizer.json"]
    result = pull(tmp_path)
    assert "has no tokenizer" in result["problem"]
    assert "has no tokenizer" in result["message"]
    assert mine() == [result["variant"]]


def test_a_revision_that_does_not_exist_fails_the_job_with_a_sentence(large: Hub) -> None:
    job = ended(start_pull("me/Tiny-1", revision="v9"))
    assert (job.state, job.reason) == ("failed", "me/Tiny-1 has no revision 'v9'.")
    specification = json.loads(job.folder.spec_file.read_text())
    assert specification["title"] == "get me/Tiny-1"


def test_two_jobs_for_the_same_model_fetch_it_once(large: Hub, tmp_path: Path) -> None:
    large.held[WEIGHTS] = threading.Event()
    jobs = [start_pull("me/Tiny-1") for _ in range(2)]
    until(lambda: large.asked("GET", "/storage/"))
    large.held[WEIGHTS].set()
    assert [ended(job).state for job in jobs] == ["finished", "finished"]
    assert len(large.asked("GET", "/storage/")) == 1
    assert len(mine()) == 1
