"""Getting a model from the hub, as a job: into the Hugging Face cache, then into the library."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.jobs.job import Job
from ragopt_tui.models.download import download
from ragopt_tui.models.hub import HubModel, hub_token, look_up
from ragopt_tui.models.hub_cache import CachedRepository
from ragopt_tui.models.hub_errors import plain_words
from ragopt_tui.models.hub_files import HubFile, Offer, chosen
from ragopt_tui.models.record import Source
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.transfer import TransferProgress
from ragopt_tui.models.variant import Variant
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import folders

KIND = "pull"
TARGET = "ragopt_tui.models.pull_job:run"


def start_pull(repository: str, revision: str = "main", file: str = "") -> Job:
    """Start a job that gets `repository` (`owner/name`) at a branch, tag or commit.

    `file` chooses a GGUF file by its name or a part of it, such as Q4_K_M. A token is looked for in
    the present working folder too (`hub_token`).
    """
    parameters = {
        "repository": repository,
        "revision": revision,
        "file": file,
        "working_folder": str(Path.cwd()),
    }
    return supervisor.start(KIND, f"get {one_line(repository, 80)}", TARGET, parameters)


def run(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Get `file` of `repository` at `revision`; gives the `variant` that the library has it as."""
    repository, revision = parameters["repository"], parameters["revision"]
    token = hub_token(Path(parameters["working_folder"]))
    report.progress("looking up", 0, None, "bytes", repository)
    model = look_up(repository, revision, token)
    offer = chosen(repository, model.files, parameters["file"])
    cached = CachedRepository(repository)
    _check_room(cached, model, offer)
    cached.prepare()
    _fetch(cached, model, offer, token, report)
    path = cached.show(model.commit, revision, offer.files) / offer.file
    variant = _added(VariantStore(folders().models), path, model, offer)
    return {
        "variant": variant.id,
        "problem": variant.problem,
        "message": f"{variant.name} is in the library. {variant.problem}".rstrip(),
    }


def _added(store: VariantStore, path: Path, model: HubModel, offer: Offer) -> Variant:
    known = any(record.variant.path == path for record in store.records())
    large = {file.name.rsplit("/", 1)[-1]: file.digest for file in offer.files if file.large}
    record = store.add(
        path,
        name="" if known or offer.file else model.id.rsplit("/", 1)[-1],
        source=Source(hub_id=model.id, revision=model.commit, file=offer.file),
        hashes=large,
        broken=True,
    )
    return record.variant


def _check_room(cached: CachedRepository, model: HubModel, offer: Offer) -> None:
    needed = sum(cached.missing(model.commit, file) for file in offer.files)
    place = cached.folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed > free:
        raise RagoptError(
            f"{model.id} needs {needed / 1e9:.1f} GB more on the disk of {place}, which has"
            f" {free / 1e9:.1f} GB free.",
            "Free some space, choose a smaller file, or set HF_HOME to a folder on another disk.",
        )


def _fetch(
    cached: CachedRepository, model: HubModel, offer: Offer, token: str | None, report: Reporter
) -> None:
    progress = TransferProgress(report, "downloading", offer.size)
    for file in offer.files:
        if cached.missing(model.commit, file):
            with cached.locked(file, report.raise_if_cancelled), plain_words(model.id):
                _fetch_one(cached, model, file, token, progress)
        progress.finish(file.name, file.size)


def _fetch_one(
    cached: CachedRepository,
    model: HubModel,
    file: HubFile,
    token: str | None,
    progress: TransferProgress,
) -> None:
    from huggingface_hub import hf_hub_url

    if not cached.missing(model.commit, file):
        return
    url = hf_hub_url(model.id, file.name, revision=model.commit)
    partial = cached.partial(file)
    download(url, token, file, partial, lambda size: progress.tell(file.name, size))
    partial.replace(cached.blob(file))
