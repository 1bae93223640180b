"""Which models of the hub are suggested, and how they fit into a machine's memory."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.generation_settings import Precision
from ragopt_tui.models.machine import Machine
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import folders

_SHIPPED = Path(__file__).with_name("suggestions.toml")
_USABLE = 0.9
"""What part of the memory a model may take: the rest is for the system and this program."""

_CONTEXT_SHARE, _OVERHEAD_GIGABYTES = 0.15, 0.8
_NF4_SHARE = 0.35
"""What 4-bit weights take of the same in bf16, with what stays unquantised."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A model of the hub; `file` chooses a GGUF file and is "" for a Hugging Face folder."""

    repository: str
    parameters: float
    """In billions."""

    gigabytes: float
    """Of what is fetched, in GB of 1000³ bytes."""

    licence: str
    file: str = ""
    gated: bool = False

    def needs(self, precision: Precision = "auto") -> float:
        """Estimate the memory to answer with it, in GB, with a context of some thousand tokens."""
        weights = self.gigabytes * (_NF4_SHARE if precision == "nf4" else 1.0)
        return weights + self.gigabytes * _CONTEXT_SHARE + _OVERHEAD_GIGABYTES


@dataclass(frozen=True, slots=True)
class Fitting:
    """A suggestion that fits, in the precision in which it does: `auto`, or `nf4` if only so."""

    suggestion: Suggestion
    precision: Precision


def suggestions(file: Path | None = None) -> tuple[Suggestion, ...]:
    """Read the suggestions of the user's own suggestions.toml, else of the program's.

    Raises RagoptError that says what is wrong with the file.
    """
    own = folders().config / "suggestions.toml"
    path = file or (own if own.exists() else _SHIPPED)
    try:
        models = tomllib.loads(path.read_text(encoding="utf-8")).get("model", [])
        return tuple(_suggestion(values) for values in models)
    except (OSError, ValueError) as error:
        raise RagoptError(
            f"{path} cannot be read: {one_line(str(error))}.",
            "Correct it, or move it away to use the program's own.",
        ) from error


def fitting(machine: Machine, models: tuple[Suggestion, ...] | None = None) -> list[Fitting]:
    """Give the suggestions that fit into the machine's memory, those with most parameters first."""
    found = []
    for model in suggestions() if models is None else models:
        room = _room(machine, gguf=bool(model.file)) * _USABLE / 1e9
        choices: tuple[Precision, ...] = ("auto",) if model.file else ("auto", "nf4")
        precision = next((each for each in choices if model.needs(each) <= room), None)
        if precision is not None:
            found.append(Fitting(model, precision))
    return sorted(found, key=lambda each: -each.suggestion.parameters)


def _room(machine: Machine, gguf: bool) -> int:
    sizes = [gpu.total for gpu in machine.gpus_of(gguf)]
    if gguf:
        # What has no room on the GPUs is computed by the processor.
        return max(sum(sizes), machine.total)
    return max(sizes, default=machine.total)


_KINDS: dict[str, tuple[type, ...]] = {"str": (str,), "float": (int, float), "bool": (bool,)}


def _suggestion(values: object) -> Suggestion:
    if not isinstance(values, dict):
        raise ValueError("each model is a table [[model]]")
    fields = {field.name: field for field in dataclasses.fields(Suggestion)}
    unknown = sorted(values.keys() - fields.keys())
    if unknown:
        raise ValueError(f"a model has no {unknown[0]!r}, only {', '.join(fields)}")
    for name, field in fields.items():
        if name not in values and field.default is dataclasses.MISSING:
            raise ValueError(f"a model lacks {name}")
        if name in values and not isinstance(values[name], _KINDS[str(field.type)]):
            raise ValueError(f"{name} cannot be {values[name]!r}")
    return Suggestion(**values)
