"""The examples of a run: of a stored set, or of a file that is imported for it, split if need be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.training.configuration.config import DataChoice
from ragopt_tui.training.data.example import Example
from ragopt_tui.training.data.importing import Request, import_set
from ragopt_tui.training.data.sources import is_hub_id
from ragopt_tui.training.data.splitting import Shares, split_examples
from ragopt_tui.training.data.store import DataSet, DataSetStore


@dataclass(frozen=True, slots=True)
class RunData:
    """What is trained on, and what is held out; each can be gone through once."""

    set: DataSet
    train: Iterable[Example]
    train_count: int
    validation: Sequence[Example]

    def identity(self) -> dict[str, Any]:
        """Give what tells this set from another, JSON-ready."""
        return {"id": self.set.id, "version": self.set.record.version}


def find_set(choice: DataChoice, report: Reporter) -> DataSet:
    """Find the set that a configuration names, importing a file, a folder or one of the hub.

    Raises RagoptError where there is none, or nothing in it can be used; JobCancelled.
    """
    store = DataSetStore()
    try:
        return store.find(choice.set)
    except RagoptError:
        if not Path(choice.set).expanduser().exists() and not is_hub_id(choice.set):
            raise

    def told(what: str, done: float, total: float | None) -> None:
        report.raise_if_cancelled()
        report.progress(what, done, total, "")

    request = Request(choice.set, format=choice.format, columns=choice.columns, group=choice.group)
    return import_set(request, store, told)


def data_of(choice: DataChoice, found: DataSet) -> RunData:
    """Give the examples to train on; what the set does not hold out itself is split off.

    The split depends on the set alone, so that runs with other seeds are evaluated on the same
    rows. Raises RagoptError where there is too little to split.
    """
    rows = found.record.rows
    shares = Shares(
        validation=0 if rows["validation"] else choice.validation,
        test=0 if rows["test"] else choice.test,
    )
    stored = list(found.examples("validation")) if choice.validation else []
    if not shares.validation and not shares.test:
        return RunData(found, found.examples("train"), rows["train"], stored)
    splits = split_examples(list(found.examples("train")), shares)
    validation = splits["validation"] or stored
    return RunData(found, splits["train"], len(splits["train"]), validation)


def same_set(made: dict[str, Any], run: str) -> DataSet:
    """Find the set that a run began with; raises RagoptError if it is gone or another now."""
    begun = made.get("data") or {}
    name = str(begun.get("id", ""))
    try:
        found = DataSetStore().find(name)
    except RagoptError as error:
        raise RagoptError(
            f"The data set {name} of the run {run} is gone.",
            "Restore or import it again to resume; the run's checkpoints are kept and can be used.",
        ) from error
    if found.record.version != begun.get("version"):
        raise RagoptError(
            f"The data set {name} is not the one that the run {run} began with.",
            "Start the run anew.",
        )
    return found
