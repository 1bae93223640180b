"""How one variant is loaded and how it writes: the settings a user may keep for it."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ragopt_tui.errors import RagoptError

Precision = Literal["auto", "bf16", "fp16", "fp32", "int8", "nf4"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_RANGES: dict[str, tuple[type[int] | type[float], float, float]] = {
    "temperature": (float, 0.0, 5.0),
    "top_p": (float, 0.0, 1.0),
    "max_tokens": (int, 1, 1_000_000),
    "seed": (int, 0, 2**32 - 2),
    "context_tokens": (int, 128, 10_000_000),
    "gpu_layers": (int, 0, 10_000),
    "threads": (int, 1, 4096),
}
_MAY_BE_AUTO = ("gpu_layers", "threads")


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """Settings of one variant; None leaves it to the model's own configuration or the program's.

    A `temperature` of 0 decodes greedily. `precision` is for Hugging Face folders, `gpu_layers`
    (how many layers are computed on the GPU) and `threads` are for GGUF files.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    context_tokens: int | None = None
    system_prompt: str | None = None
    precision: Precision = "auto"
    gpu_layers: int | Literal["auto"] = "auto"
    threads: int | Literal["auto"] = "auto"

    def to_json(self) -> dict[str, Any]:
        """Give the settings that differ from their defaults."""
        default = GenerationSettings()
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if value != getattr(default, name)}

    def over(self, base: GenerationSettings) -> GenerationSettings:
        """Give these settings, with those of `base` where nothing was chosen here."""
        return dataclasses.replace(base, **self.to_json())

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> GenerationSettings:
        """Read what `to_json` gave; raises RagoptError that names an unknown or wrong setting."""
        names = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in names:
                near = difflib.get_close_matches(str(name), names, n=1)
                raise RagoptError(
                    f"There is no generation setting {str(name)!r}.",
                    f"Did you mean {near[0]}?" if near else f"Known: {', '.join(names)}.",
                )
        return cls(**{name: _checked(name, value) for name, value in values.items()})


def _checked(name: str, value: Any) -> Any:  # noqa: ANN401 - a value of JSON
    if name == "precision":
        if value not in PRECISIONS:
            raise RagoptError(
                f"precision cannot be {value!r}.", f"Choose one of {', '.join(PRECISIONS)}."
            )
        return value
    if name == "system_prompt":
        if value is not None and not isinstance(value, str):
            raise RagoptError(f"system_prompt must be text, not {value!r}.")
        return value
    if value == "auto" and name in _MAY_BE_AUTO:
        return value
    if value is None and name not in _MAY_BE_AUTO:
        return value
    return _number(name, value)


def _number(name: str, value: Any) -> int | float:  # noqa: ANN401 - a value of JSON
    kind, least, most = _RANGES[name]
    right = type(value) is int or (kind is float and type(value) is float)
    if not right or not least <= value <= most:
        what = "a whole number" if kind is int else "a number"
        auto = " or auto" if name in _MAY_BE_AUTO else ""
        raise RagoptError(f"{name} must be {what} from {least:g} to {most:g}{auto}, not {value!r}.")
    number: int | float = kind(value)
    return number
