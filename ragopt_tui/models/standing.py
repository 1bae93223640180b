"""What verification has said of a variant, and whether that still holds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ragopt_tui.models.record import VariantRecord

Verdict = Literal["", "verified", "degraded", "broken"]

_WORST_LAST: tuple[Verdict, ...] = ("verified", "degraded", "broken")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a variant compares with the one that it was made from."""

    verdict: Verdict = ""
    """The worst of its own verification and of those of the steps before; "" where none was made."""

    divergence: float | None = None
    """The mean KL divergence from the parent in nats, None where it was not measured."""

    parent: str = ""
    """The id of the variant that it was compared with, or is to be; "" if unknown."""

    parent_name: str = ""
    stale: str = ""
    """Why the verification holds no longer, in a sentence; "" where it does."""

    at: float = 0.0
    """When it was verified, in seconds since 1970."""

    @property
    def holds(self) -> bool:
        """Whether there is a verification of the files as they are now."""
        return bool(self.verdict) and not self.stale


def is_peft_adapter(record: VariantRecord) -> bool:
    """Whether a variant is an adapter as training leaves it, which can be merged."""
    return record.variant.kind == "adapter" and record.facts.format == "safetensors"


def can_be_verified(record: VariantRecord) -> bool:
    """Whether a variant is of a kind that is made from another: merged, GGUF, or with a parent.

    A PEFT adapter is not: nothing but training tells how it should answer.
    """
    variant = record.variant
    if variant.path is None or variant.kind in ("quotes", "endpoint"):
        return False
    if variant.kind == "adapter":
        return record.facts.format == "gguf"
    return variant.kind != "base" or bool(variant.parent)


def came_from(record: VariantRecord) -> str:
    """Give the id of the variant that one was made from in a single step, "" if unknown."""
    made = record.made or {}
    adapters = made.get("adapters") or ()
    if made.get("step") == "merge" and adapters:
        return str(adapters[0][0])
    return str(made.get("of") or record.variant.parent)


def standing_of(
    record: VariantRecord, known: Callable[[str], VariantRecord | None]
) -> Standing | None:
    """Give how a variant stands, None where there is nothing to compare it with.

    `known` gives records by id. Looks at the size and time of the files that were compared.
    """
    if not can_be_verified(record):
        return None
    kept = record.verification
    if not isinstance(kept, dict) or kept.get("verdict") not in _WORST_LAST:
        return Standing(parent=came_from(record))
    verdicts = [kept["verdict"], *(each.get("verdict") for each in earlier_steps(record))]
    divergence = kept.get("kl")
    return Standing(
        verdict=max((v for v in verdicts if v in _WORST_LAST), key=_WORST_LAST.index),
        divergence=float(divergence) if isinstance(divergence, int | float) else None,
        parent=str(kept.get("parent") or ""),
        parent_name=str(kept.get("parent_name") or ""),
        stale=_stale(record, kept, known),
        at=float(kept.get("at") or 0.0),
    )


def earlier_steps(record: VariantRecord) -> list[dict[str, Any]]:
    """Give the summaries of the verifications of what stood between and is gone, in order."""
    before = (record.verification or {}).get("before")
    return [each for each in before if isinstance(each, dict)] if isinstance(before, list) else []


def merge_targets_of(record: VariantRecord) -> dict[str, Any] | None:
    """Give what was measured of merging an adapter, None where that was not or holds no longer."""
    merging = (record.verification or {}).get("merging")
    holds = isinstance(merging, dict) and merging.get("state") == file_state(record)
    return merging if holds else None


def file_state(record: VariantRecord) -> str:
    """Give a hash of the names, sizes and times of a variant's files and of the user's template.

    A file that is missing counts as one of no size.
    """
    path = record.variant.path
    folder = path if path is not None and record.facts.format == "safetensors" else None
    folder = folder or (path.parent if path is not None else None)
    digest = hashlib.sha256(record.chat_template.encode())
    for file in sorted(record.files, key=lambda each: each.name):
        try:
            status = os.stat(f"{folder}/{file.name}")  # noqa: PTH116 - thousands are looked at
            digest.update(f"{file.name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
        except OSError:
            digest.update(f"{file.name}\0-\0".encode())
    return digest.hexdigest()


def _stale(
    record: VariantRecord,
    kept: Mapping[str, Any],
    known: Callable[[str], VariantRecord | None],
) -> str:
    if kept.get("state") != file_state(record):
        return "Its files are not those that were verified."
    parent = known(str(kept.get("parent") or ""))
    # A parent that was taken away proves nothing against what was made of it.
    parent_state = kept.get("parent_state")
    if parent is not None and parent_state and parent_state != file_state(parent):
        return f"{parent.variant.name}, which it was compared with, has changed since."
    return ""
