"""The set that a configuration names, and its sides for a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ragopt_tui.training.data.detection import AUTO
from ragopt_tui.training.data.importing import Request, import_set
from ragopt_tui.training.data.sources import is_hub_id
from ragopt_tui.training.data.splitting import Shares, Splits, split_examples
from ragopt_tui.training.data.store import DataSet, DataSetStore

Told = Callable[[str, float, float | None], None]


def open_set(
    name: str,
    store: DataSetStore,
    *,
    format: str = AUTO,
    columns: Mapping[str, str] | None = None,
    group: str = "",
    told: Told = lambda *_: None,
) -> DataSet:
    """Give a stored set by its id, or import the file, folder or repository of that name.

    Raises RagoptError where there is neither, or it cannot be imported.
    """
    stored = any(each.id == name for each in store.sets())
    elsewhere = Path(name).expanduser().exists() or is_hub_id(name)
    if not stored and elsewhere:
        request = Request(name, format=format, columns=columns or {}, group=group)
        return import_set(request, store, told)
    return store.find(name)


def sides_of(data: DataSet, validation: float = 0.0, test: float = 0.0, seed: int = 0) -> Splits:
    """Give train, validation and test of a set; what it has of its own is kept.

    A side that it lacks is taken from its train rows, as `Shares` says. Raises RagoptError where
    there is too little for that.
    """
    own: Splits = {
        "train": list(data.examples("train")),
        "validation": list(data.examples("validation")),
        "test": list(data.examples("test")),
    }
    lacking = Shares(0 if own["validation"] else validation, 0 if own["test"] else test, seed)
    drawn = split_examples(own["train"], lacking)
    return {
        "train": drawn["train"],
        "validation": own["validation"] or drawn["validation"],
        "test": own["test"] or drawn["test"],
    }
