"""What a run would train, need and take, worked out without loading a weight or starting anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.machine import Machine
from ragopt_tui.models.model_shape import ModelShape, shape_of_config
from ragopt_tui.training.configuration.checks import base_errors, combination_errors, machine_errors
from ragopt_tui.training.configuration.reading import ConfigError
from ragopt_tui.training.configuration.values import TrainingConfig
from ragopt_tui.training.planning.fitting import Fit, plan_memory
from ragopt_tui.training.planning.notes import plan_notes
from ragopt_tui.training.planning.parameters import Parameters, known_parameters
from ragopt_tui.training.planning.steps import RowLengths, Steps, plan_steps


@dataclass(frozen=True, slots=True)
class Throughput:
    """How fast training was on this machine, in tokens that are no padding, and where that is from."""

    tokens_per_second: float
    source: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A run before it starts; parts are None where errors or missing data leave them open."""

    config: TrainingConfig
    base: str
    parameters: Parameters | None
    fit: Fit | None
    rows: RowLengths | None
    steps: Steps | None
    throughput: Throughput | None
    errors: tuple[ConfigError, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float | None:
        """How long the run would take; None where nothing was measured."""
        if self.steps is None or self.throughput is None:
            return None
        return self.steps.tokens / self.throughput.tokens_per_second

    def to_json(self) -> dict[str, Any]:
        """Give all of it as JSON has it; times in seconds, memory in bytes."""
        return {
            "name": self.config.name,
            "base": self.base,
            "method": method_name(self.config),
            "parameters": None if self.parameters is None else _parameters(self.parameters),
            "memory": None if self.fit is None else self.fit.to_json(),
            "set": self.config.data.set,
            "data": None if self.rows is None else _rows(self.rows),
            "steps": None if self.steps is None else asdict(self.steps),
            "seconds": self.seconds,
            "seconds_from": "" if self.throughput is None else self.throughput.source,
            "errors": [
                {"key": e.key, "message": e.message, "hint": e.hint, "line": e.line}
                for e in self.errors
            ],
            "notes": list(self.notes),
        }


def make_plan(
    config: TrainingConfig,
    base: str,
    architecture: Mapping[str, Any],
    machine: Machine,
    rows: RowLengths | None = None,
    throughput: Throughput | None = None,
) -> Plan:
    """Plan a run on a base with this config.json; `rows` and `throughput` where they are known.

    What is wrong with the configuration is among the plan's errors. Raises RagoptError for an
    architecture that cannot be built.
    """
    errors = [
        *combination_errors(config),
        *base_errors(config, architecture),
        *machine_errors(config, machine),
    ]
    parameters = fit = steps = None
    shape = _shape(architecture, base)
    try:
        parameters = known_parameters(config, architecture)
    except ConfigError as error:
        errors.append(error)
    if parameters is not None:
        longest = rows.longest if rows and not rows.sampled else None
        fit = plan_memory(config, parameters, architecture, shape, machine, longest)
    if rows is not None and rows.rows:
        steps = plan_steps(config, rows)
    notes = plan_notes(config, shape, parameters, rows, steps)
    return Plan(config, base, parameters, fit, rows, steps, throughput, tuple(errors), tuple(notes))


def method_name(config: TrainingConfig) -> str:
    """Name the method in words: LoRA, QLoRA in 4 or 8 bits, DoRA, full."""
    if config.method == "full":
        return "full fine-tuning"
    name = "DoRA" if config.lora.use_dora else "LoRA"
    bits = config.quantization.bits
    name = f"Q{name}, {bits} bits" if bits else name
    scaled = f"{name}, rank-stabilised" if config.lora.use_rslora else name
    whole = ", ".join(config.lora.modules_to_save)
    return f"{scaled}, and {whole} whole" if whole else scaled


def _shape(architecture: Mapping[str, Any], base: str) -> ModelShape:
    try:
        return shape_of_config(dict(architecture) | dict(architecture.get("text_config") or {}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RagoptError(f"The config.json of {base} does not say how large it is.") from error


def _parameters(parameters: Parameters) -> dict[str, Any]:
    return {
        "trainable": parameters.trainable,
        "total": parameters.total,
        "percent": parameters.percent,
        "text": parameters.text(),
    }


def _rows(rows: RowLengths) -> dict[str, Any]:
    return {
        "rows": rows.rows,
        "validation_rows": rows.validation_rows,
        "tokens": rows.tokens,
        "longest": rows.longest,
        "truncated": rows.truncated,
        "left_out": rows.left_out,
        "sampled": rows.sampled,
    }
