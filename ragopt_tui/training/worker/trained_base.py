"""The base that a run trains on: where its files are, how it is loaded, and what identifies it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.inspection_adapter import ADAPTER_CONFIG
from ragopt_tui.models.model_files import TOKENIZER_FILES
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.training.configuration.config import TrainingConfig
from ragopt_tui.training.configuration.planned_base import find_adapter, find_base

_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class TrainedBase:
    """A base in the library, and the adapter on it that is trained further, if one is."""

    record: VariantRecord
    adapter: VariantRecord | None
    fingerprint: str

    @property
    def folder(self) -> Path:
        """The base's Hugging Face folder."""
        assert self.record.variant.path is not None
        return self.record.variant.path

    @property
    def words(self) -> Path:
        """The folder whose tokenizer is used: that of the adapter if it brings one."""
        adapter = self.adapter.variant.path if self.adapter else None
        if adapter is not None and (adapter / "tokenizer_config.json").is_file():
            return adapter
        return self.folder

    @property
    def chat_template(self) -> str:
        """The template that the user gave the adapter or the base; "" for that of the files."""
        given = self.adapter.chat_template if self.adapter else ""
        return given or self.record.chat_template

    @property
    def name(self) -> str:
        """What an adapter's configuration calls its base: the repository, or the folder."""
        return self.record.source.hub_id or str(self.folder)

    def identity(self) -> dict[str, Any]:
        """Give what tells this base from another, JSON-ready."""
        source = self.record.source
        return {
            "id": self.record.variant.id,
            "hub_id": source.hub_id,
            "revision": source.revision,
            "fingerprint": self.fingerprint,
        }


def trained_base(store: VariantStore, config: TrainingConfig) -> TrainedBase:
    """Find what a configuration trains; a folder that is not in the library is put there.

    Raises RagoptError that says why it cannot be trained.
    """
    base = find_base(config.base, store)
    if base.folder is None or not base.folder.exists():
        raise RagoptError(
            f"The base {base.name} is not on this machine.", "Get it: `ragopt-tui models pull`."
        )
    record = store.known(base.id) or store.add(base.folder)
    adapter = None
    if config.continue_from:
        find_adapter(config.continue_from, base, store)
        adapter = store.record(store.find(config.continue_from).id)
    return TrainedBase(record, adapter, fingerprint(base.folder))


def fingerprint(folder: Path) -> str:
    """Give a hash that differs between bases, of config.json and of pieces of every weight file.

    Pieces are the first, middle and last 64 KiB, so that it takes no time and changes with the
    names and shapes of tensors and with nearly any change of values; not with copying.
    """
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for file in sorted(folder.glob("*.safetensors")):
        size = file.stat().st_size
        digest.update(f"\0{file.name}\0{size}\0".encode())
        with file.open("rb") as stream:
            for place in (0, size // 2, max(0, size - _PIECE)):
                stream.seek(place)
                digest.update(stream.read(_PIECE))
    return digest.hexdigest()


def describe_trained(base: TrainedBase, folder: Path) -> None:
    """Put the tokenizer, the chat template and the generation settings beside trained weights.

    An adapter's configuration is told the repository and revision of its base, where it has them.
    """
    config = folder / ADAPTER_CONFIG
    if config.is_file():
        values = json.loads(config.read_bytes())
        values["base_model_name_or_path"] = base.name
        values["revision"] = base.record.source.revision or None
        config.write_text(json.dumps(values, indent=2, sort_keys=True), encoding="utf-8")
    for name in (*TOKENIZER_FILES, "generation_config.json"):
        source = base.words / name
        if not source.is_file():
            source = base.folder / name
        if source.is_file():
            shutil.copyfile(source, folder / name)
    if base.chat_template:
        (folder / "chat_template.jinja").write_text(base.chat_template, encoding="utf-8")


def check_same_base(made: Mapping[str, Any], base: TrainedBase) -> None:
    """Raise RagoptError where a run was begun on other weights than the base has now."""
    begun = str((made.get("base") or {}).get("fingerprint") or "")
    if begun and begun != base.fingerprint:
        raise RagoptError(
            f"{base.record.variant.name} has changed since this run began.",
            "Put the former weights back to resume, or start the run anew.",
        )
