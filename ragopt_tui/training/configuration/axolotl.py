"""Taking over a configuration of axolotl: its keys under our names, and what has no place here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import yaml

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.configuration.axolotl_data import data_of
from ragopt_tui.training.configuration.axolotl_keys import (
    NOT_SUPPORTED,
    OPTIMISERS,
    REASONS,
    SAME,
    SCHEDULERS,
)
from ragopt_tui.training.configuration.reading import read_values
from ragopt_tui.training.configuration.values import TrainingConfig

_PUSHES = ("every_save", "checkpoint", "all_checkpoints")
_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A key of axolotl's that has no effect here, its value, and why."""

    key: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """A configuration of axolotl as one of ours."""

    config: TrainingConfig
    unmapped: tuple[Unmapped, ...]


def import_axolotl(text: str, where: str) -> Imported:
    """Take over axolotl's YAML.

    Raises RagoptError if it is no YAML, no configuration of axolotl's, or not of supervised
    fine-tuning.
    """
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise RagoptError(f"{where} is no YAML: {one_line(str(error), 300)}.") from error
    if not isinstance(values, dict) or not values.get("base_model"):
        raise RagoptError(
            f"{where} is no configuration of axolotl: it has no base_model.",
            "Give the YAML file that axolotl was started with.",
        )
    if values.get("rl"):
        raise RagoptError(
            f"{where} trains by preferences (rl: {one_line(str(values['rl']), 40)}).",
            "Only supervised fine-tuning can be taken over.",
        )
    return _Importer(values).imported()


class _Importer:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self._given = {str(key): value for key, value in values.items()}
        self._made: dict[str, Any] = {}
        self._unmapped: list[Unmapped] = []

    def imported(self) -> Imported:
        """Take over every key, in the order of the file."""
        special = _special()
        for key, value in self._given.items():
            if key in special:
                special[key](self, key, value)
            elif key in SAME:
                self._set(SAME[key], value)
            elif value not in (None, False, "", [], {}):
                self._leave(key, value, REASONS.get(key, NOT_SUPPORTED))
        config, errors = read_values(yaml.safe_dump(_nested(self._made)), "it")
        names = {ours: theirs for theirs, ours in SAME.items() if theirs in self._given}
        for error in errors:
            self._leave(names.get(error.key, error.key), self._made.get(error.key), error.told)
        return Imported(config, tuple(self._unmapped))

    def _set(self, key: str, value: Any) -> None:  # noqa: ANN401 - a value of YAML
        """Take over a value, numbers written as text too; an empty one leaves the default."""
        if value in (None, ""):
            return
        self._made[key] = _number(value)

    def _leave(self, key: str, value: Any, reason: str) -> None:  # noqa: ANN401
        shown = one_line(yaml.safe_dump(value, default_flow_style=True).split("\n...")[0], 1000)
        shown = shown if len(shown) <= _LONGEST_VALUE else shown[: _LONGEST_VALUE - 1] + "…"
        self._unmapped.append(Unmapped(key, shown, reason))

    def adapter(self, key: str, value: Any) -> None:  # noqa: ANN401
        if value in ("lora", "qlora"):
            self._made["method"] = "lora"
            if value == "qlora" and not self._given.get("load_in_8bit"):
                self._made["quantization.load_in_4bit"] = True
        elif value:
            self._leave(key, value, "LoRA and QLoRA are taken over.")
        else:
            self._made["method"] = "full"

    def targets(self, key: str, value: Any) -> None:  # noqa: ANN401
        if key == "lora_target_linear":
            if value:
                self._made["lora.target_modules"] = "all-linear"
        elif value and not self._given.get("lora_target_linear"):
            if isinstance(value, list):
                self._made["lora.target_modules"] = value
            else:
                self._leave(key, value, "Only a list of names is taken over, no pattern.")

    def data(self, key: str, value: Any) -> None:  # noqa: ANN401
        made, left = data_of(value)
        self._made |= made
        for each in left:
            self._leave(f"{key}{each.key}", each.value, each.reason)

    def train_on_inputs(self, _key: str, value: Any) -> None:  # noqa: ANN401
        if isinstance(value, bool):
            self._made["data.completion_only_loss"] = not value

    def optimiser(self, key: str, value: Any) -> None:  # noqa: ANN401
        self._chosen("training.optim", key, value, OPTIMISERS)

    def scheduler(self, key: str, value: Any) -> None:  # noqa: ANN401
        self._chosen("training.lr_scheduler_type", key, value, SCHEDULERS)

    def _chosen(self, ours: str, key: str, value: Any, known: Mapping[str, str]) -> None:  # noqa: ANN401
        if value in known:
            self._made[ours] = known[value]
        elif value:
            self._leave(key, value, f"Here it is one of {', '.join(sorted(set(known.values())))}.")

    def batch_size(self, key: str, value: Any) -> None:  # noqa: ANN401
        """Take over the rows of a step, where they are given in place of the accumulation."""
        micro = _number(self._given.get("micro_batch_size"))
        whole = isinstance(value, int) and isinstance(micro, int) and micro > 0
        if whole and value >= micro and not self._given.get("gradient_accumulation_steps"):
            self._made["training.gradient_accumulation_steps"] = value // micro
        elif value:
            self._leave(key, value, "micro_batch_size and gradient_accumulation_steps go before.")

    def warmup(self, key: str, value: Any) -> None:  # noqa: ANN401
        if value in (None, ""):
            return
        if key == "warmup_steps" or self._given.get("warmup_steps") in (None, ""):
            self._set("training.warmup_steps", value)

    def number_format(self, key: str, value: Any) -> None:  # noqa: ANN401
        name = {"bf16": "bf16", "bfloat16": "bf16", "fp16": "fp16", "float16": "fp16"}[key]
        if value in (True, "full"):
            self._made["training.dtype"] = name

    def checkpointing(self, key: str, value: Any) -> None:  # noqa: ANN401
        self._made["training.gradient_checkpointing"] = bool(value)
        if isinstance(value, str):
            self._leave(key, value, "It is taken over as true, without moving it to the host.")

    def times(self, key: str, value: Any) -> None:  # noqa: ANN401
        """Take over how often it evaluates or saves in an epoch, as a share of all steps."""
        epochs = _number(self._given.get("num_epochs") or 1)
        ours = f"training.{key[:4]}_steps"
        if isinstance(value, int | float) and value > 0 and isinstance(epochs, int | float):
            if self._given.get("max_steps"):
                self._leave(key, value, f"With max_steps, write {ours}.")
            else:
                # Rounded up, so that a share never falls short of a step.
                self._made[ours] = round(1 / (value * epochs), 6)
        elif value == 0:
            self._made[ours] = 0

    def strategy(self, key: str, value: Any) -> None:  # noqa: ANN401
        short = "eval" if key.startswith("eval") else "save"
        if value == "epoch":
            self.times(f"{short}s_per_epoch", 1)
        elif value in ("no", False):
            self._made[f"training.{short}_steps"] = 0
        elif value not in (None, "", "steps"):
            self._leave(key, value, "Here it is by steps, or by a share of them.")

    def steps(self, key: str, value: Any) -> None:  # noqa: ANN401
        self._set(f"training.{key}", value)

    def hub(self, key: str, value: Any) -> None:  # noqa: ANN401
        if key == "hub_model_id" and value:
            if self._given.get("hub_strategy", "every_save") in _PUSHES:
                self._made["push_checkpoints_to"] = value
            else:
                self._leave(key, value, "Put the result there with `ragopt-tui models push`.")

    def output(self, key: str, value: Any) -> None:  # noqa: ANN401
        if isinstance(value, str) and PurePath(value).name:
            self._made["name"] = PurePath(value).name
            self._leave(key, value, f"{REASONS[key]} Its last part is the name.")

    def tracker(self, key: str, value: Any) -> None:  # noqa: ANN401
        name = {"wandb_project": "wandb", "use_wandb": "wandb", "use_mlflow": "mlflow"}
        if not value:
            return
        known = self._made.setdefault("training.report_to", [])
        tracker = name.get(key, "tensorboard")
        if tracker not in known:
            known.append(tracker)
        if key == "wandb_project":
            self._leave(key, value, f"wandb is in report_to. {REASONS[key]}")


_Handler = Callable[[_Importer, str, Any], None]


def _special() -> dict[str, _Handler]:
    handlers: dict[_Handler, tuple[str, ...]] = {
        _Importer.adapter: ("adapter",),
        _Importer.targets: ("lora_target_linear", "lora_target_modules"),
        _Importer.data: ("datasets", "pretraining_dataset"),
        _Importer.train_on_inputs: ("train_on_inputs",),
        _Importer.optimiser: ("optimizer",),
        _Importer.scheduler: ("lr_scheduler",),
        _Importer.batch_size: ("batch_size",),
        _Importer.warmup: ("warmup_steps", "warmup_ratio"),
        _Importer.number_format: ("bf16", "fp16", "bfloat16", "float16"),
        _Importer.checkpointing: ("gradient_checkpointing",),
        _Importer.times: ("evals_per_epoch", "saves_per_epoch"),
        _Importer.strategy: ("eval_strategy", "evaluation_strategy", "save_strategy"),
        _Importer.steps: ("eval_steps", "save_steps"),
        _Importer.hub: ("hub_model_id", "hub_strategy"),
        _Importer.output: ("output_dir",),
        _Importer.tracker: ("wandb_project", "use_wandb", "use_mlflow", "use_tensorboard"),
    }
    return {key: handler for handler, keys in handlers.items() for key in keys}


def _number(value: Any) -> Any:  # noqa: ANN401
    """Read a number that YAML takes for text, such as 2e-4."""
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in flat.items():
        part, dot, name = key.rpartition(".")
        if dot:
            made.setdefault(part, {})[name] = value
        else:
            made[key] = value
    return made
