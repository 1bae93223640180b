"""A repository's place in the Hugging Face cache, in the layout that all its tools share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.hub_files import HubFile

_LOCK_SECONDS = 0.3


class CachedRepository:
    """Blobs by their digest, snapshots that link to them by commit, refs that name commits."""

    def __init__(self, repository: str) -> None:
        from huggingface_hub import constants
        from huggingface_hub.file_download import repo_folder_name

        self.root = Path(constants.HF_HUB_CACHE)
        self.folder = self.root / repo_folder_name(repo_id=repository, repo_type="model")

    def blob(self, file: HubFile) -> Path:
        """Where the content of a file belongs."""
        return self.folder / "blobs" / file.digest

    def partial(self, file: HubFile) -> Path:
        """Where the content is gathered until it is whole."""
        return self.folder / "blobs" / f"{file.digest}.incomplete"

    def snapshot(self, commit: str) -> Path:
        """The folder that shows the files of a commit under their names."""
        return self.folder / "snapshots" / commit

    def missing(self, commit: str, file: HubFile) -> int:
        """How many bytes of a file are still to be fetched; 0 where it is here whole."""
        if _size(self.snapshot(commit) / file.name) == file.size:
            return 0
        if _size(self.blob(file)) == file.size:
            return 0
        return max(0, file.size - max(0, _size(self.partial(file))))

    def prepare(self) -> None:
        """Make the folders of the repository; raises RagoptError where that is not possible."""
        try:
            for folder in (self.folder / "blobs", self._locks):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RagoptError(
                f"The Hugging Face cache {self.root} cannot be written to: {error.strerror}.",
                "Check its permissions, or set HF_HOME to another folder.",
            ) from error

    @property
    def _locks(self) -> Path:
        return self.root / ".locks" / self.folder.name

    @contextmanager
    def locked(self, file: HubFile, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold the lock that all tools of the cache take while they fetch a blob.

        `waiting` is called a few times a second while another has it, and may raise to give up.
        """
        lock = FileLock(self._locks / f"{file.digest}.lock")
        while not lock.is_locked:
            try:
                lock.acquire(timeout=_LOCK_SECONDS)
            except Timeout:
                waiting()
        try:
            yield
        finally:
            lock.release()

    def show(self, commit: str, revision: str, files: tuple[HubFile, ...]) -> Path:
        """Let the files, whose blobs are here, appear in the snapshot; gives its folder."""
        folder = self.snapshot(commit)
        for file in files:
            self._link(self.blob(file), folder / file.name, file.size)
        if revision != commit and ".." not in revision.split("/"):
            ref = self.folder / "refs" / revision
            ref.parent.mkdir(parents=True, exist_ok=True)
            aside = ref.with_name(f".{ref.name}.{os.getpid()}")
            aside.write_text(commit)
            aside.replace(ref)
        return folder

    def _link(self, blob: Path, pointer: Path, size: int) -> None:
        if _size(pointer) == size:
            return
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.unlink(missing_ok=True)
        try:
            pointer.symlink_to(os.path.relpath(blob, pointer.parent))
        except OSError:
            # Some file systems know no links; the cache then keeps the file itself.
            shutil.move(blob, pointer)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
