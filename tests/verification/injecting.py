"""How faults are put into healthy chains, and the list of those that are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.conversion.adapted_model import Adapter
from ragopt_tui.conversion.merge import merge
from ragopt_tui.models.record import VariantRecord
from tests.verification.chains import Chain, edit_json
from tests.verification.rewriting import (
    Arrays,
    Fields,
    Weights,
    copy_folder,
    copy_gguf,
)

LLAMA, TIED, GEMMA, LONG = (
    "llama", "qwen3 tied head", "gemma tied", "llama with a trained head and long context",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """What is verified against what."""

    child: VariantRecord
    parent: VariantRecord
    base: VariantRecord
    others: tuple[VariantRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: how it is put into a chain, in an empty folder, and the causes that name it."""

    name: str
    chain: str
    inject: Callable[[Chain, Path], Case]
    right: tuple[str, ...]


FAULTS: list[Fault] = []
Inject = Callable[[Chain, Path], Case]


def fault(name: str, chain: str, *right: str) -> Callable[[Inject], Inject]:
    """Note a way to inject a fault, and the names of the causes that are right for it."""

    def note(inject: Inject) -> Inject:
        FAULTS.append(Fault(name, chain, inject, right))
        return inject

    return note


def healthy(chain: Chain, step: str) -> Case:
    """Give a step of a chain as it is."""
    return case_of(chain, step, chain.path(step))


def case_of(chain: Chain, step: str, child: Path) -> Case:
    parent = {"merged": "adapter0", "gguf": "merged", "quantised": "gguf"}[step]
    others = tuple(chain.record(f"adapter{n}") for n in range(1, len(chain.adapters)))
    base = chain.record("base")
    return Case(chain.record(step, child), chain.record(parent), base, others)


def merged_case(
    chain: Chain,
    folder: Path,
    weights: Callable[[Weights], Weights | None] | None = None,
    **config: Any,
) -> Case:
    return case_of(chain, "merged", copy_folder(chain.merged, folder / "child", weights, config))


def gguf_case(
    chain: Chain,
    folder: Path,
    tensors: Callable[[Arrays], Arrays | None] | None = None,
    fields: Callable[[Fields], None] | None = None,
    step: str = "gguf",
) -> Case:
    source = chain.path(step)
    return case_of(chain, step, copy_gguf(source, folder / source.name, tensors, fields))


def remerged(chain: Chain, folder: Path, **adapter_config: Any) -> Case:
    """Merge with another configuration of the adapter than it was trained with."""
    adapter = folder / "adapter"
    shutil.copytree(chain.adapters[0], adapter)
    edit_json(adapter / "adapter_config.json", lambda values: values | adapter_config)
    return merged_anew(chain, folder, chain.base, [Adapter(adapter)])


def merged_anew(chain: Chain, folder: Path, base: Path, adapters: list[Adapter]) -> Case:
    child = folder / "child"
    child.mkdir()
    merge(base, adapters, child, lambda done, total: None)
    return case_of(chain, "merged", child)
