"""Whether a run fits, and what to change if it does not, by how much that saves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ragopt_tui.models.machine import Machine
from ragopt_tui.models.memory import size_text
from ragopt_tui.models.model_shape import ModelShape
from ragopt_tui.training.configuration.values import Quantization, TrainingConfig
from ragopt_tui.training.planning.memory import (
    Device,
    TrainingMemory,
    device_of,
    free_memory,
    training_memory,
    without_whole,
)
from ragopt_tui.training.planning.parameters import Parameters, known_parameters

Settings = tuple[tuple[str, str], ...]

_SHORTEST = 256
_WORTHWHILE = 0.01


@dataclass(frozen=True, slots=True)
class Change:
    """Settings with which less memory is needed; `need` is what is needed then, in bytes."""

    settings: Settings
    """Keys as in `training.max_length`, and their values as in YAML."""

    need: int
    saves: int
    fits: bool

    @property
    def text(self) -> str:
        """Say it in a line."""
        settings = ", ".join(f"{key}: {value}" for key, value in self.settings)
        enough = "fits" if self.fits else "not enough by itself"
        return f"{settings} (needs {size_text(self.need)}, {enough})"


@dataclass(frozen=True, slots=True)
class Fit:
    """What a run needs on one device, what is free there, and what would need less."""

    device: Device
    memory: TrainingMemory
    free: int
    changes: tuple[Change, ...] = ()
    """Empty where it fits; else by what they save, the most first."""

    enough: Settings = ()
    """Settings with which, all together, it would fit; empty where nothing proposed is enough."""

    @property
    def fits(self) -> bool:
        """Whether what is free is enough."""
        return self.memory.total <= self.free

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        changes = [
            {"settings": dict(each.settings), "need": each.need, "saves": each.saves}
            | {"fits": each.fits, "text": each.text}
            for each in self.changes
        ]
        parts = asdict(self.memory)
        return {
            "device": self.device,
            "need": self.memory.total,
            "free": self.free,
            "fits": self.fits,
            "parts": parts,
            "changes": changes,
            "enough": dict(self.enough),
        }


def plan_memory(
    config: TrainingConfig,
    parameters: Parameters,
    architecture: Mapping[str, Any],
    shape: ModelShape,
    machine: Machine,
    longest: int | None = None,
) -> Fit:
    """Estimate the memory of a run on this machine; `longest` is its longest row if known."""
    device, free = device_of(machine), free_memory(machine)
    memory = training_memory(config, parameters, shape, device, longest)
    if memory.total <= free:
        return Fit(device, memory, free)

    def needed(changed: TrainingConfig, counted: Parameters) -> int:
        return training_memory(changed, counted, shape, device, longest).total

    changes = []
    for settings, changed, counted in _smaller(config, parameters, architecture, longest):
        need = needed(changed, counted)
        if memory.total - need > memory.total * _WORTHWHILE:
            changes.append(Change(settings, need, memory.total - need, need <= free))
    changes.sort(key=lambda change: change.saves, reverse=True)
    enough = _enough(config, parameters, architecture, longest, needed, free)
    return Fit(device, memory, free, tuple(changes), enough)


def _enough(
    config: TrainingConfig,
    parameters: Parameters,
    architecture: Mapping[str, Any],
    longest: int | None,
    needed: Callable[[TrainingConfig, Parameters], int],
    free: int,
) -> Settings:
    """Change what saves most, again and again, until it fits; give () where it never does."""
    chosen: dict[str, str] = {}
    while needed(config, parameters) > free:
        choices = [
            (needed(changed, counted), settings, changed, counted)
            for settings, changed, counted in _smaller(config, parameters, architecture, longest)
        ]
        least = min(choices, key=lambda choice: choice[0], default=None)
        if least is None or least[0] >= needed(config, parameters):
            return ()
        _, settings, config, parameters = least
        chosen |= dict(settings)
    return tuple(chosen.items())


def _smaller(
    config: TrainingConfig,
    parameters: Parameters,
    architecture: Mapping[str, Any],
    longest: int | None,
) -> Iterator[tuple[Settings, TrainingConfig, Parameters]]:
    """Give what could be changed: the settings, the configuration and its parameters."""
    schedule, lora = config.training, config.lora

    def with_schedule(**values: Any) -> TrainingConfig:  # noqa: ANN401 - of any field
        return replace(config, training=replace(schedule, **values))

    if config.method == "full":
        adapted = replace(
            config,
            method="lora",
            lora=replace(lora, target_modules="all-linear", modules_to_save=()),
        )
        settings = (("method", "lora"), ("lora.target_modules", "all-linear"))
        yield settings, adapted, known_parameters(adapted, architecture)
    elif not config.quantization.load_in_4bit:
        quantised = replace(config, quantization=Quantization(load_in_4bit=True))
        yield (("quantization.load_in_4bit", "true"),), quantised, parameters
    if not schedule.gradient_checkpointing:
        changed = with_schedule(gradient_checkpointing=True)
        yield (("training.gradient_checkpointing", "true"),), changed, parameters
    batch, accumulated = (
        schedule.per_device_train_batch_size,
        schedule.gradient_accumulation_steps,
    )
    if batch > 1:
        changed = with_schedule(
            per_device_train_batch_size=1, gradient_accumulation_steps=accumulated * batch
        )
        settings = (
            ("training.per_device_train_batch_size", "1"),
            ("training.gradient_accumulation_steps", str(accumulated * batch)),
        )
        yield settings, changed, parameters
    length = min(schedule.max_length, longest or schedule.max_length) // 2
    if length >= _SHORTEST:
        yield (("training.max_length", str(length)),), with_schedule(max_length=length), parameters
    if schedule.optim in ("adamw_torch", "adamw_torch_fused"):
        yield (("training.optim", "adamw_8bit"),), with_schedule(optim="adamw_8bit"), parameters
    if config.method == "lora" and parameters.whole:
        bare = replace(config, lora=replace(lora, modules_to_save=()))
        yield (("lora.modules_to_save", "[]"),), bare, without_whole(parameters)
