"""One file of the hub over a connection that breaks, lies or stalls."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import JobCancelled
from ragopt_tui.models import download as downloading
from ragopt_tui.models.download import download
from ragopt_tui.models.hub_files import HubFile
from tests.models.hub_server import READER, Hub, Repository, git_id

CONTENT = random.Random(7).randbytes(3_000_000)
NAME = "model.safetensors"
FILE = HubFile(NAME, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "_LONGEST_WAIT_SECONDS", 0.0)


@pytest.fixture
def partial(hub: Hub, tmp_path: Path) -> Path:
    hub.repositories["me/tiny"] = Repository({NAME: CONTENT})
    return tmp_path / "x.incomplete"


def fetch(hub: Hub, partial: Path, file: HubFile = FILE, token: str | None = None) -> list[int]:
    said: list[int] = []
    url = f"{hub.url}/me/tiny/resolve/{'c' * 40}/{file.name}"
    download(url, token, file, partial, said.append)
    return said


def ranges(hub: Hub) -> list[str | None]:
    return [headers.get("range") for headers in hub.asked("GET", "/storage/")]


def test_a_file_arrives_whole_and_says_how_far_it_is(hub: Hub, partial: Path) -> None:
    said = fetch(hub, partial)
    assert partial.read_bytes() == CONTENT
    assert said[-1] == len(CONTENT)
    assert said == sorted(said)
    assert len(said) > 10
    assert ranges(hub) == [None]


def test_a_connection_that_is_cut_is_taken_up_where_it_broke_off(hub: Hub, partial: Path) -> None:
    hub.cuts[NAME] = [1_000_000, 500_000, 0]
    fetch(hub, partial)
    assert partial.read_bytes() == CONTENT
    assert ranges(hub) == [None, "bytes=1000000-", "bytes=1500000-", "bytes=1500000-"]


def test_what_an_earlier_attempt_left_is_not_fetched_again(hub: Hub, partial: Path) -> None:
    hub.cuts[NAME] = [1_000_000] + [0] * 10
    with pytest.raises(Exception, match="peer closed connection"):
        fetch(hub, partial)
    assert partial.read_bytes() == CONTENT[:1_000_000]
    hub.cuts.clear()
    hub.requests.clear()
    said = fetch(hub, partial)
    assert partial.read_bytes() == CONTENT
    assert ranges(hub) == ["bytes=1000000-"]
    assert said[-1] == len(CONTENT)


def test_a_hub_that_cannot_resume_sends_the_file_anew(hub: Hub, partial: Path) -> None:
    hub.ignores_ranges = True
    hub.cuts[NAME] = [1_000_000]
    fetch(hub, partial)
    assert partial.read_bytes() == CONTENT


def test_a_busy_hub_is_asked_again_and_a_lasting_error_passes(hub: Hub, partial: Path) -> None:
    hub.refusals[NAME] = [503, 429, 500]
    fetch(hub, partial)
    assert partial.read_bytes() == CONTENT
    partial.unlink()
    hub.refusals[NAME] = [503] * 20
    with pytest.raises(HfHubHTTPError):
        fetch(hub, partial)
    assert len(hub.refusals[NAME]) == 20 - 6


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(hub: Hub, partial: Path) -> None:
    wrong = HubFile(NAME, FILE.size, "0" * 64)
    with pytest.raises(RagoptError, match=r"model.safetensors did not arrive.*not 000000000000"):
        fetch(hub, partial, wrong)
    assert not partial.exists()


@pytest.mark.parametrize("announced", [len(CONTENT) - 5, len(CONTENT) + 5])
def test_a_file_of_another_size_is_refused(hub: Hub, partial: Path, announced: int) -> None:
    wrong = HubFile(NAME, announced, FILE.digest)
    with pytest.raises(RagoptError, match=f"it has 3,000,000 bytes, not {announced:,}"):
        fetch(hub, partial, wrong)
    assert not partial.exists()


def test_what_lies_there_wrongly_is_noticed_by_the_checksum(hub: Hub, partial: Path) -> None:
    partial.write_bytes(b"\0" * 1000)
    with pytest.raises(RagoptError, match="did not arrive as the hub announced it"):
        fetch(hub, partial)
    assert not partial.exists()
    fetch(hub, partial)
    assert partial.read_bytes() == CONTENT


def test_more_than_the_whole_file_is_thrown_away_first(hub: Hub, partial: Path) -> None:
    partial.write_bytes(CONTENT + b"more")
    fetch(hub, partial)
    assert partial.read_bytes() == CONTENT


def test_small_files_are_compared_with_their_git_id(hub: Hub, partial: Path) -> None:
    content = b'{"model_type": "llama"}'
    hub.repositories["me/tiny"].files["config.json"] = content
    fetch(hub, partial, HubFile("config.json", len(content), git_id(content)))
    assert partial.read_bytes() == content
    partial.unlink()
    with pytest.raises(RagoptError, match=r"config\.json did not arrive"):
        fetch(hub, partial, HubFile("config.json", len(content), git_id(content + b" ")))


def test_a_token_is_shown_to_the_hub_and_not_to_the_storage_behind_it(
    hub: Hub, partial: Path
) -> None:
    hub.repositories["me/tiny"].gated = True
    fetch(hub, partial, token=READER)
    assert hub.asked("GET", "/resolve/")[0]["authorization"] == f"Bearer {READER}"
    assert "authorization" not in hub.asked("GET", "/storage/")[0]
    partial.unlink()
    with pytest.raises(GatedRepoError):
        fetch(hub, partial)


def test_a_download_is_stopped_within_a_file_and_keeps_what_has_come(
    hub: Hub, partial: Path
) -> None:
    def stop(size: int) -> None:
        if size > 1_000_000:
            raise JobCancelled

    url = f"{hub.url}/me/tiny/resolve/{'c' * 40}/{NAME}"
    with pytest.raises(JobCancelled):
        download(url, None, FILE, partial, stop)
    kept = partial.read_bytes()
    assert 1_000_000 < len(kept) < len(CONTENT)
    assert CONTENT.startswith(kept)
