"""Jobs in real processes: how they start, end, die and are stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.events import JobProgress
from ragopt_tui.jobs.folder import JobFolder, JobResult, JobSpec
from ragopt_tui.jobs.job import Job
from ragopt_tui.settings import folders


def start(function: str, **parameters: object) -> Job:
    return supervisor.start("test", "a test", f"ragopt_tui.job_targets:{function}", parameters)


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def ended(job: Job) -> Job:
    until(lambda: job.state != "running")
    return job


def ready(job: Job) -> dict[str, Any]:
    reader = job.events()
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found.extend(event for event in reader.read() if event["type"] == "ready")
        return bool(found)

    until(look)
    return found[0]


def kill(job: Job, number: int = signal.SIGKILL) -> None:
    pid = job.folder.process_id()
    assert pid is not None
    os.kill(pid, number)


def test_a_job_runs_detached_and_leaves_its_result_events_and_output() -> None:
    job = ended(start("add", numbers=[1, 2, 3]))
    assert job.state == "finished"
    assert job.result is not None
    assert job.result.result["sum"] == 6
    assert job.result.result["session"] != os.getsid(0)
    assert job.reason == "Added."
    assert job.progress() == JobProgress("adding", 1.0, 2, "numbers", "[bold]x.md", 0.5)
    assert [event["type"] for event in job.events().read()] == ["progress", "note"]
    assert set(job.log_file.read_text().splitlines()) == {"native print", "printed"}


def test_a_job_is_running_from_the_moment_it_is_started(tmp_path: Path) -> None:
    job = start("wait_for_file", file=str(tmp_path / "go"))
    assert job.state == "running"
    assert [(other.id, other.state) for other in supervisor.list_jobs()] == [(job.id, "running")]
    (tmp_path / "go").touch()
    assert ended(job).reason == "It came."


def test_a_job_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import sys; from ragopt_tui.jobs import supervisor;"
        "print(supervisor.start('t', 't', 'ragopt_tui.job_targets:wait_for_file',"
        " {'file': sys.argv[1]}).id)"
    )
    starter = [sys.executable, "-c", code, str(tmp_path / "go")]
    job_id = subprocess.run(starter, check=True, capture_output=True, text=True).stdout.strip()
    job = supervisor.find(job_id)
    assert job.state == "running"
    (tmp_path / "go").touch()
    assert ended(job).state == "finished"


def test_an_error_meant_for_users_is_kept_with_its_hint() -> None:
    job = ended(start("refuse"))
    assert job.state == "failed"
    assert job.result == JobResult("failed", "The file a.md is odd.", "Mend it.", {})


def test_an_unexpected_error_is_one_sentence_and_its_traceback_only_in_the_log() -> None:
    job = ended(start("stumble", on="value"))
    assert job.state == "failed"
    assert job.reason.startswith("The job stopped on an unexpected error: ValueError: two lines")
    assert "\x1b" not in job.reason
    assert "Traceback" not in job.reason
    assert job.result is not None
    assert str(job.log_file) in job.result.hint
    assert "Traceback" in job.log_file.read_text()


@pytest.mark.parametrize(
    ("on", "message"),
    [("memory", "The job ran out of memory."), ("disk", "The disk is full (/data/index).")],
)
def test_lack_of_memory_and_of_space_are_said_in_words(on: str, message: str) -> None:
    job = ended(start("stumble", on=on))
    assert (job.state, job.reason) == ("failed", message)


def test_a_target_outside_of_the_program_is_refused() -> None:
    job = ended(supervisor.start("test", "a test", "os:getcwd", {}))
    assert job.state == "failed"
    assert "'os:getcwd'" in job.reason


def test_a_killed_job_has_died_and_says_how_and_its_last_words() -> None:
    job = start("work_until_cancelled")
    ready(job)
    kill(job)
    assert ended(job).state == "died"
    until(job.folder.exit_file.exists)
    assert "SIGKILL" in job.reason
    assert job.reason.endswith("Its last words: beginning the work")


def test_a_killed_job_has_a_reason_also_for_those_who_did_not_start_it() -> None:
    job = start("work_until_cancelled")
    ready(job)
    kill(job)
    until(job.folder.exit_file.exists)
    job.folder.exit_file.unlink()
    assert "killed, out of memory, or the machine stopped" in supervisor.find(job.id).reason


def test_a_crash_in_native_code_has_died_with_its_signal() -> None:
    job = ended(start("crash"))
    assert job.state == "died"
    until(job.folder.exit_file.exists)
    assert "crashed (SIGSEGV)" in job.reason


def test_cancelling_stops_a_job_that_looks_up() -> None:
    job = start("work_until_cancelled")
    ready(job)
    supervisor.cancel(job)
    assert job.state == "cancelled"
    assert job.reason == "Cancelled."


def test_cancelling_ends_a_job_that_never_looks_up_after_the_grace() -> None:
    job = start("never_look_up")
    ready(job)
    supervisor.cancel(job, grace_seconds=0.3)
    assert job.state == "cancelled"
    assert not job.folder.is_alive()
    assert "ended" in job.reason


def test_a_job_that_is_cancelled_while_it_starts_is_cancelled_and_did_not_crash() -> None:
    job = start("work_until_cancelled")
    supervisor.cancel(job)
    assert job.state == "cancelled"
    assert job.reason == "Cancelled."


def test_a_hangup_of_the_terminal_does_not_reach_a_job() -> None:
    job = start("work_until_cancelled")
    assert ready(job)["hangup"] is True
    supervisor.cancel(job)


def test_cancelling_a_job_that_has_ended_changes_nothing() -> None:
    job = ended(start("add", numbers=[]))
    supervisor.cancel(job)
    assert job.state == "finished"


def test_the_result_needs_no_more_room_on_the_disk(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "job")
    os.close(folder.create(JobSpec("job", "test", "a test", "ragopt_tui.x:y", {})))
    (reserved,) = folder.path.glob("*.reserved")
    room = reserved.stat()
    folder.write_result(JobResult("finished", "Done."))
    assert folder.result_file.stat().st_ino == room.st_ino
    assert folder.result_file.stat().st_size < room.st_size
    assert folder.read_result() == JobResult("finished", "Done.")


def make_jobs(count: int) -> None:
    for number in range(count):
        folder = JobFolder(folders().jobs / f"20260101-000000-{number:04x}")
        spec = JobSpec(folder.path.name, "index", "t", "ragopt_tui.x:y", {}, created=float(number))
        os.close(folder.create(spec))
        if number % 2:
            folder.write_result(JobResult("finished"))


def test_listing_is_newest_first_and_skips_what_is_no_job() -> None:
    make_jobs(3)
    (folders().jobs / "stray.txt").write_text("x")
    (folders().jobs / "empty").mkdir()
    half = folders().jobs / "half"
    half.mkdir()
    (half / "spec.json").write_text('{"id": "ha')
    jobs = supervisor.list_jobs()
    assert [job.id[-4:] for job in jobs] == ["0002", "0001", "0000"]
    assert [job.state for job in jobs] == ["died", "finished", "died"]


def test_two_hundred_jobs_are_listed_with_their_states() -> None:
    make_jobs(200)
    assert sum(job.state == "finished" for job in supervisor.list_jobs()) == 100


def test_a_job_is_found_by_the_beginning_of_its_id_or_of_its_random_end() -> None:
    make_jobs(3)
    assert supervisor.find("20260101-000000-0002").id.endswith("0002")
    assert supervisor.find("0001").id.endswith("0001")
    with pytest.raises(RagoptError, match="3 jobs begin with '2026'"):
        supervisor.find("2026")
    with pytest.raises(RagoptError, match="no job 'zz'"):
        supervisor.find("zz")
    with pytest.raises(RagoptError):
        supervisor.find("")


def test_a_folder_that_cannot_be_written_is_said(home: Path) -> None:
    home.mkdir(parents=True)
    (home / "data").write_text("in the way")
    with pytest.raises(RagoptError, match="could not be started"):
        start("add", numbers=[])


def test_the_spec_is_plain_json_that_others_can_read() -> None:
    job = ended(start("add", numbers=[1]))
    values = json.loads(job.folder.spec_file.read_text())
    assert values["target"] == "ragopt_tui.job_targets:add"
    assert values["parameters"] == {"numbers": [1]}
