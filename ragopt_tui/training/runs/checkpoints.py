"""The checkpoints of a run in the library, and which of them nobody would miss."""

from __future__ import annotations

from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.plaintext import one_line

STEP = "checkpoint"
"""What `made` says as the `step` of a variant that is one."""


def checkpoint_name(run_name: str, step: int) -> str:
    """Give what the checkpoint of a step is called in the library."""
    return f"{run_name} step {step}"


def checkpoints_of(store: VariantStore, run: str) -> list[VariantRecord]:
    """Give the checkpoints that a run, by its id, has in the library."""
    return [
        record
        for record in store.records()
        if (record.made or {}).get("step") == STEP and (record.made or {}).get("run") == run
    ]


def is_spare(store: VariantStore, record: VariantRecord) -> bool:
    """Whether the user made nothing of a checkpoint: no name, tag, note, comparison or variant."""
    made = record.made or {}
    name = checkpoint_name(str((made.get("config") or {}).get("name", "")), made.get("at", 0))
    changed = record.variant.name != one_line(name, 120)
    changed = changed or bool(record.tags or record.note or record.verification)
    return not changed and not store.dependents(record.variant.id)


def spare_checkpoints(store: VariantStore, run: str) -> list[VariantRecord]:
    """Give the checkpoints of a run that its user made nothing of."""
    return [record for record in checkpoints_of(store, run) if is_spare(store, record)]


def clear_checkpoints(store: VariantStore, run: str) -> list[str]:
    """Move the spare checkpoints of a run to the trash; gives their ids.

    Raises RagoptError where one cannot be moved.
    """
    ids = [record.variant.id for record in spare_checkpoints(store, run)]
    for id in ids:
        store.remove(id)
    return ids
