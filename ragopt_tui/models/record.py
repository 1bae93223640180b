"""Everything that is known of a variant, as its variant.json keeps it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.generation_settings import GenerationSettings
from ragopt_tui.models.variant import Variant, VariantKind


@dataclass(frozen=True, slots=True)
class Source:
    """Where a variant came from: a hub repository, or a place on this machine."""

    hub_id: str = ""
    """The repository on the hub, such as `mistralai/Mistral-7B-Instruct-v0.3`."""

    revision: str = ""
    """The commit of that repository."""

    file: str = ""
    """The file within it, where the repository holds several models (GGUF)."""

    folder: str = ""
    """The folder or file that was imported, absolute."""


@dataclass(frozen=True, slots=True)
class VariantFile:
    """One file of a variant; `name` is relative to its folder, `sha256` is "" until computed."""

    name: str
    size: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class LoraFacts:
    """What the configuration of an adapter says."""

    rank: int = 0
    alpha: float = 0.0
    dropout: float = 0.0
    target_modules: tuple[str, ...] = ()
    modules_to_save: tuple[str, ...] = ()
    """Modules trained whole, such as `lm_head`."""

    rslora: bool = False
    dora: bool = False
    base: str = ""
    """The base model by the name that the adapter's configuration gives it."""

    checkpoints: tuple[str, ...] = ()
    """Folders of earlier states inside the adapter's folder."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the files of a model say of it, read without loading it; None and "" are unknown."""

    format: str = ""
    """`safetensors`, `gguf`, or `openai` for an endpoint."""

    architecture: str = ""
    dtype: str = ""
    """The number format of most weights: bf16, fp16, fp32, fp8, int8."""

    quantisation: str = ""
    """Q4_K_M and its like for GGUF; nf4, int8, gptq, awq for Hugging Face folders; else ""."""

    parameters: int | None = None
    context_tokens: int | None = None
    vocabulary: int | None = None
    own_chat_template: bool = False
    """Whether the model's own files bring a chat template."""

    licence: str = ""
    lora: LoraFacts | None = None


@dataclass(frozen=True, slots=True)
class VariantRecord:
    """A variant with its facts, its files and what its user keeps with it."""

    variant: Variant
    facts: ModelFacts = ModelFacts()
    source: Source = Source()
    files: tuple[VariantFile, ...] = ()
    created: float = 0.0
    """When it was added, in seconds since 1970; 0 for what came with the program."""

    tags: tuple[str, ...] = ()
    note: str = ""
    chat_template: str = ""
    """A Jinja template given by the user, for a model that brings none; it goes before its own."""

    key_variable: str = ""
    """The environment variable that holds an endpoint's key."""

    made: dict[str, Any] | None = None
    """How it was made here, step and all that shaped it; None for what came from elsewhere."""

    verification: dict[str, Any] | None = None
    settings: GenerationSettings = field(default_factory=GenerationSettings)

    @property
    def bytes(self) -> int:
        """The size of its files together."""
        return sum(file.size for file in self.files)

    def changed(self, **values: Any) -> VariantRecord:  # noqa: ANN401 - fields of Variant
        """Give the record with other values of its variant."""
        return dataclasses.replace(self, variant=dataclasses.replace(self.variant, **values))

    def to_json(self) -> dict[str, Any]:
        """Give the record as JSON values; `from_json` reads them back."""
        values = dataclasses.asdict(self)
        values["variant"]["path"] = None if self.variant.path is None else str(self.variant.path)
        return values | {"settings": self.settings.to_json(), "bytes": self.bytes}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> VariantRecord:
        """Read what `to_json` gave; values that it lacks are unknown.

        Raises ValueError that says what is wrong.
        """
        try:
            facts = dict(values.get("facts") or {})
            lora = facts.get("lora")
            facts["lora"] = None if lora is None else _filled(LoraFacts, _with_tuples(lora))
            return cls(
                variant=_variant(values["variant"]),
                facts=_filled(ModelFacts, facts),
                source=_filled(Source, values.get("source") or {}),
                files=tuple(_filled(VariantFile, file) for file in values.get("files") or ()),
                created=float(values.get("created") or 0.0),
                tags=tuple(str(tag) for tag in values.get("tags") or ()),
                note=str(values.get("note") or ""),
                chat_template=str(values.get("chat_template") or ""),
                key_variable=str(values.get("key_variable") or ""),
                made=values.get("made"),
                verification=values.get("verification"),
                settings=GenerationSettings.from_json(values.get("settings") or {}),
            )
        except KeyError as error:
            raise ValueError(f"it has no {error}") from error
        except (TypeError, AttributeError) as error:
            raise ValueError(f"a value in it has the wrong type ({error})") from error
        except RagoptError as error:
            raise ValueError(error.message.rstrip(".")) from error


def read_record(file: Path) -> VariantRecord:
    """Read a variant.json; its folder's name is the variant's id, and where relative paths begin.

    Raises RagoptError that says what is wrong with it.
    """
    try:
        values = json.loads(file.read_bytes())
        if not isinstance(values, dict):
            raise ValueError("it holds no JSON object")
        record = VariantRecord.from_json(values)
        path, id = record.variant.path, file.parent.name
        if path is not None and not path.is_absolute():
            return record.changed(id=id, path=file.parent / path)
        return record if record.variant.id == id else record.changed(id=id)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RagoptError(
            f"{file} cannot be read: {reason}.", "Remove the variant and add it again."
        ) from error


_Kind = TypeVar("_Kind")
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "VariantKind": (str,),
    "bool": (bool,),
    "int": (int,),
    "int | None": (int, NoneType),
    "float": (int, float),
    "tuple[str, ...]": (tuple,),
    "Path | None": (Path, NoneType),
    "LoraFacts | None": (LoraFacts, NoneType),
}
_FIELDS: dict[type, dict[str, tuple[type, ...]]] = {
    kind: {each.name: _TYPES[str(each.type)] for each in dataclasses.fields(kind)}
    for kind in (Variant, Source, VariantFile, LoraFacts, ModelFacts)
}


def _variant(values: Mapping[str, Any]) -> Variant:
    if values["kind"] not in get_args(VariantKind):
        raise ValueError(f"it is of the unknown kind {values['kind']!r}")
    path = values.get("path")
    return _filled(Variant, dict(values) | {"path": None if path is None else Path(path)})


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}


def _filled(kind: type[_Kind], values: Mapping[str, Any]) -> _Kind:
    """Make a dataclass of those values that it knows; raises ValueError for a wrong type."""
    known: dict[str, Any] = {}
    for name, types in _FIELDS[kind].items():
        if name in values:
            value = values[name]
            if not isinstance(value, types):
                raise ValueError(f"{name} cannot be {value!r}")
            known[name] = value
    return kind(**known)
