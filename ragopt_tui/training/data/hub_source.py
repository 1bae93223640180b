"""Data sets of the hub: their data files alone, never a script."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.download import download
from ragopt_tui.models.hub import hub_api, hub_token
from ragopt_tui.models.hub_errors import plain_words
from ragopt_tui.models.hub_files import HubFile
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.data.record import Origin
from ragopt_tui.training.data.sources import Source, split_of

_CONVERTED = "refs/convert/parquet"
_KINDS = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".arrow")
_DESCRIBING = re.compile(r"(^|/)(\.|dataset_infos?\.json|dataset_dict\.json|state\.json)")
_SECONDS = 20.0

Told = Callable[[str, float, float | None], None]


@contextmanager
def hub_source(repository: str, revision: str, told: Told) -> Iterator[Source]:
    """Fetch the data files of a repository; they are gone after the block.

    Where a repository keeps none that are read, the hub's own copy in Parquet is taken. Raises
    RagoptError where there is neither, or the hub cannot be reached.
    """
    name = repository.removeprefix("hf:")
    token = hub_token(Path.cwd())
    with plain_words(name, revision), tempfile.TemporaryDirectory(prefix="ragopt-data-") as folder:
        commit, licence, files = _looked_up(repository, revision, token)
        if not files:
            try:
                commit, _, files = _found(name, _CONVERTED, token)
            except Exception as error:
                raise _nothing(name) from error
        if not files:
            raise _nothing(name)
        fetched = _fetched(name, commit, files, token, Path(folder), told)
        origin = Origin(place=f"hf:{name}", revision=commit, licence=licence)
        inside = tuple((split_of(file.relative_to(folder)), file) for file in fetched)
        yield Source(name.rpartition("/")[2], origin, inside)


def _looked_up(repository: str, revision: str, token: str | None) -> tuple[str, str, list[HubFile]]:
    """Do as `_found`; an error also says that there is no file of that name, unless `hf:` is given."""
    name = repository.removeprefix("hf:")
    try:
        with plain_words(name, revision):
            return _found(name, revision, token)
    except RagoptError as error:
        if name != repository:
            raise
        nor = f"There is no file {name} here either. {error.hint}"
        raise RagoptError(error.message, nor.strip()) from error


def _found(name: str, revision: str, token: str | None) -> tuple[str, str, list[HubFile]]:
    """Give the commit, the licence and the data files of one kind at a revision."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        info = hub_api(token).dataset_info(
            name, revision=revision, files_metadata=True, timeout=_SECONDS
        )
    except GatedRepoError:
        raise
    except RepositoryNotFoundError as error:
        raise RagoptError(
            f"The hub has no data set {name}, or does not show it to you.",
            "Check its name; for a private one log in with `hf auth login` or set HF_TOKEN.",
        ) from error
    files = [
        HubFile.of(file)
        for file in info.siblings or ()
        if not _DESCRIBING.search(file.rfilename) and _is_plain(file.rfilename)
    ]
    licences = [tag.partition(":")[2] for tag in info.tags or () if tag.startswith("license:")]
    for kind in _KINDS:
        of_kind = [file for file in files if file.name.lower().endswith(kind)]
        if of_kind:
            return info.sha or "", one_line(", ".join(licences), 60), of_kind
    return info.sha or "", "", []


def _is_plain(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name


def _fetched(
    name: str, commit: str, files: list[HubFile], token: str | None, folder: Path, told: Told
) -> list[Path]:
    from huggingface_hub import hf_hub_url

    total, before = sum(file.size for file in files), 0
    fetched: list[Path] = []
    for file in files:
        url = hf_hub_url(name, file.name, repo_type="dataset", revision=commit)
        target = folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)

        def arrived(size: int, before: int = before) -> None:
            told("fetching", before + size, total)

        download(url, token, file, target, arrived)
        before += file.size
        fetched.append(target)
    return fetched


def _nothing(name: str) -> RagoptError:
    return RagoptError(
        f"{name} has no data files that are read, and the hub no copy of it in Parquet.",
        "Data sets that a script makes are not run here: get its files and import those.",
    )
