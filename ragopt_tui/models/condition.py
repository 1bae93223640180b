"""What keeps a variant from answering now, found without reading its weights."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

from ragopt_tui.models.adapter_base import no_base
from ragopt_tui.models.inspection_adapter import ADAPTER_CONFIG
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.variant import Variant

_NO_TEMPLATE = "has no chat template"

Known = Callable[[str], VariantRecord | None]


def problem_of(record: VariantRecord, known: Known) -> str:
    """Say in a sentence why a variant cannot answer, or ""; `known` gives records by id."""
    variant = record.variant
    if variant.problem or variant.path is None or variant.builtin:
        return variant.problem
    return weights_problem(record, known) or template_problem(record, known)


def weights_problem(record: VariantRecord, known: Known) -> str:
    """Say in a sentence why the weights of a variant cannot be used at all, or ""."""
    variant = record.variant
    if variant.problem or variant.path is None or variant.builtin:
        return variant.problem
    missing = _missing(record, variant.path)
    return missing or (_of_base(record, known) if variant.kind == "adapter" else "")


def template_problem(record: VariantRecord, known: Known) -> str:
    """Say in a sentence that neither a variant nor its base brings a chat template, or ""."""
    base = known(record.variant.parent) if record.variant.kind == "adapter" else None
    for each in (record, base):
        if each is not None and (each.chat_template or each.facts.own_chat_template):
            return ""
    return f"{record.variant.name} {_NO_TEMPLATE}: how to talk to it is unknown. Give it one."


def what_helps(variant: Variant) -> str:
    """Say how to give a variant the base or the chat template without which it cannot answer, or ""."""
    add = f"`ragopt-tui models add {shlex.quote(str(variant.path))}"
    if variant.problem and variant.kind == "adapter" and not variant.parent:
        return f"{add} --base VARIANT` says what it sits on."
    if _NO_TEMPLATE in variant.problem:
        return f"{add} --chat-template FILE` does."
    return ""


def _missing(record: VariantRecord, path: Path) -> str:
    folder = str(path if record.facts.format == "safetensors" else path.parent)
    for file in record.files:
        # Joined as text: a list of hundreds of variants looks at thousands of files.
        place = f"{folder}/{file.name}"
        try:
            size = os.stat(place).st_size  # noqa: PTH116
        except OSError:
            if not path.exists():
                return f"{path} is gone."
            return f"{folder} lacks {file.name}, one of its files."
        if size != file.size and _holds_weights(file.name):
            return f"{place} has {size:,} bytes, {file.size:,} when it was added."
    return ""


def _holds_weights(name: str) -> bool:
    return name.endswith((".safetensors", ".gguf")) or name == ADAPTER_CONFIG


def _of_base(record: VariantRecord, known: Known) -> str:
    if not record.variant.parent:
        return no_base(record)
    base = known(record.variant.parent)
    if base is None:
        return f"Its base {record.variant.parent} is not in the library any more."
    path = base.variant.path
    problem = base.variant.problem or (path and not base.variant.builtin and _missing(base, path))
    return f"Its base {base.variant.name} cannot answer: {problem}" if problem else ""
