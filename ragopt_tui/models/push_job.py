"""Putting a variant on the hub, as a job: its weights, configuration and a card."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.events import JobCancelled, Reporter
from ragopt_tui.jobs.job import Job
from ragopt_tui.models.hub import hub_api, hub_token
from ragopt_tui.models.hub_errors import hub_address, plain_words
from ragopt_tui.models.hub_files import folder_files
from ragopt_tui.models.model_card import model_card
from ragopt_tui.models.record import VariantFile, VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.transfer import TransferProgress
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import folders

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from huggingface_hub import HfApi

KIND = "push"
TARGET = "ragopt_tui.models.push_job:run"
_CARD = "README.md"
_READ_BYTES = 1 << 20


def start_push(variant: str, repository: str, public: bool = False) -> Job:
    """Start a job that puts a variant into `repository` (`owner/name`), which is made if need be.

    The repository is private unless `public`. A token is looked for in the present working folder
    too (`hub_token`).
    """
    parameters = {
        "variant": variant,
        "repository": repository,
        "public": public,
        "working_folder": str(Path.cwd()),
    }
    return supervisor.start(KIND, f"put on the hub: {one_line(repository, 80)}", TARGET, parameters)


def run(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Put `variant` into `repository`; gives the `repository`, its `url` and the `commit`."""
    store = VariantStore(folders().models)
    record = store.record(parameters["variant"])
    files = files_to_push(record)
    base = store.known(record.variant.parent) if record.variant.parent else None
    token = hub_token(Path(parameters["working_folder"]))
    if token is None:
        raise RagoptError(
            "Putting a model on the hub needs a token that may write.",
            "Log in with `hf auth login`, or set HF_TOKEN.",
        )
    api = hub_api(token)
    with plain_words(parameters["repository"]):
        repository, has_card = _prepared(api, parameters["repository"], parameters["public"])
        upload = _Upload(files, report)
        if not has_card:
            upload.add_card(model_card(record, base, repository, upload.files))
        commit = upload.commit(api, repository)
    return {
        "repository": repository,
        "url": f"{hub_address()}/{repository}",
        "commit": commit,
        "message": f"{record.variant.name} is on the hub as {repository}.",
    }


def files_to_push(record: VariantRecord) -> list[Path]:
    """Give the files of a variant that belong on the hub, all but its card.

    Raises RagoptError for a variant that has no files of its own, or that is broken.
    """
    variant = record.variant
    if variant.path is None:
        raise RagoptError(f"{variant.name} has no files that could be put on the hub.")
    folder = variant.path if variant.path.is_dir() else variant.path.parent
    names = [file.name for file in record.files]
    if variant.path.is_dir():
        names = sorted(folder_files(names))
    files = [folder / name for name in names if name != _CARD]
    missing = [file for file in files if not file.is_file()]
    if missing or not files:
        lacking = missing[0].name if missing else "its weights"
        raise RagoptError(f"{variant.name} is not whole: {folder} lacks {lacking}.")
    return files


def _prepared(api: HfApi, repository: str, public: bool) -> tuple[str, bool]:
    """Make the repository if need be; gives its whole name and whether it has a card already."""
    name = api.create_repo(repository, private=not public, exist_ok=True).repo_id
    info = api.model_info(name)
    if not public and not info.private:
        raise RagoptError(
            f"{name} is there already and everybody can read it.",
            "Say that it may be public, or give another name.",
        )
    return name, any(file.rfilename == _CARD for file in info.siblings or ())


class _Upload:
    """One commit of several files, which reads them once to know their hashes and once to send."""

    def __init__(self, files: Sequence[Path], report: Reporter) -> None:
        from huggingface_hub import CommitOperationAdd

        self._report = report
        self._total = sum(file.stat().st_size for file in files)
        progress = TransferProgress(report, "hashing", self._total)
        self._watched = [_WatchedFile(file, progress) for file in files]
        # Given as open files, which the client sends itself: that can be followed and cancelled.
        self._operations = [
            CommitOperationAdd(file.label, io.BufferedReader(file, _READ_BYTES))
            for file in self._watched
        ]
        self._finished(progress)

    @property
    def files(self) -> list[VariantFile]:
        """The files with their hashes."""
        return [
            VariantFile(each.path_in_repo, each.upload_info.size, each.upload_info.sha256.hex())
            for each in self._operations
        ]

    def add_card(self, card: str) -> None:
        """Put a README.md into the commit."""
        from huggingface_hub import CommitOperationAdd

        self._operations.append(CommitOperationAdd(_CARD, card.encode()))

    def commit(self, api: HfApi, repository: str) -> str:
        """Send the files; gives the commit's id. Nothing appears on the hub before all are there."""
        progress = TransferProgress(self._report, "uploading", self._total)
        for file in self._watched:
            file.progress = progress
        try:
            message = "Put here by ragopt-tui"
            commit = api.create_commit(repository, self._operations, commit_message=message)
        except (RuntimeError, ValueError) as error:
            # The client wraps what ends an upload, a wish to stop among it.
            self._report.raise_if_cancelled()
            if isinstance(error, ValueError):
                reason = one_line(str(error))
                raise RagoptError(f"The hub refused the model: {reason}.") from error
            raise
        with contextlib.suppress(JobCancelled):
            # A wish to stop comes too late now.
            self._finished(progress)
        return commit.oid

    def _finished(self, progress: TransferProgress) -> None:
        for file in self._watched:
            progress.finish(file.label, file.size)


class _WatchedFile(io.FileIO):
    """A file that says how far it was read, and stops being read once the job is to stop."""

    def __init__(self, path: Path, progress: TransferProgress) -> None:
        super().__init__(path)
        self.label = path.name
        self.size = path.stat().st_size
        self.progress = progress

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        count = super().readinto(buffer) or 0
        self.progress.tell(self.label, self.tell())
        return count
