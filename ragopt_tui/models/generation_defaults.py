"""What a variant writes with where its user chose nothing: its maker's choice, or the program's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ragopt_tui.models.generation_settings import GenerationSettings
from ragopt_tui.models.inspection import read_json
from ragopt_tui.models.model_files import ModelFiles
from ragopt_tui.models.weights import gguf_headers
from ragopt_tui.settings import Settings

_SEED = 1


@dataclass(frozen=True, slots=True)
class WritingSettings:
    """How an answer is written; a `temperature` of 0 is greedy, where `top_p` and `seed` are idle."""

    temperature: float
    top_p: float
    seed: int
    max_tokens: int
    context_tokens: int
    system_prompt: str = ""

    def to_event(self) -> dict[str, Any]:
        """Give what shaped an answer, for the interface to keep with it; no seed while greedy."""
        shaping: dict[str, Any] = {
            "max_answer_tokens": self.max_tokens,
            "context_tokens": self.context_tokens,
        }
        if self.system_prompt:
            shaping["system_prompt"] = self.system_prompt
        if self.temperature <= 0:
            return shaping | {"seed": None}
        return shaping | {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": self.seed,
        }


def writing_settings(
    chosen: GenerationSettings, files: ModelFiles | None, program: Settings
) -> WritingSettings:
    """Fill in what a variant's settings leave open; `files` are None for an endpoint.

    A model that its maker's configuration does not sample from writes greedily.
    """
    temperature, top_p = chosen.temperature, chosen.top_p
    if temperature is None or top_p is None:
        made = _sampling(files) if files else (0.0, 1.0)
        temperature = made[0] if temperature is None else temperature
        top_p = made[1] if top_p is None else top_p
    return WritingSettings(
        temperature=temperature,
        top_p=top_p,
        seed=_SEED if chosen.seed is None else chosen.seed,
        max_tokens=chosen.max_tokens or program.max_answer_tokens,
        context_tokens=chosen.context_tokens or program.context_tokens,
        system_prompt=(chosen.system_prompt or "").strip(),
    )


def _sampling(files: ModelFiles) -> tuple[float, float]:
    """Give temperature and top_p of the model's own configuration."""
    if files.gguf:
        values = gguf_headers(files.base)[0].values
        temperature = _within(values, "general.sampling.temp", 0.0, 5.0)
        return temperature, _within(values, "general.sampling.top_p", 1.0, 1.0)
    file = files.base / "generation_config.json"
    if not file.is_file():
        return 0.0, 1.0
    config = read_json(file)
    if not config.get("do_sample"):
        return 0.0, 1.0
    return _within(config, "temperature", 1.0, 5.0), _within(config, "top_p", 1.0, 1.0)


def _within(values: Mapping[str, Any], name: str, otherwise: float, most: float) -> float:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        return otherwise
    return float(value)
