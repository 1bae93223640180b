"""What a plan points out that is allowed and may yet surprise."""

from __future__ import annotations

from collections.abc import Iterator

from ragopt_tui.models.model_shape import ModelShape
from ragopt_tui.training.configuration.values import Lora, TrainingConfig
from ragopt_tui.training.planning.parameters import Parameters
from ragopt_tui.training.planning.steps import RowLengths, Steps

_FEW_STEPS = 10


def plan_notes(
    config: TrainingConfig,
    shape: ModelShape,
    parameters: Parameters | None,
    rows: RowLengths | None,
    steps: Steps | None,
) -> list[str]:
    """Give sentences about a run, none of which keeps it from starting."""
    return [
        *_of_settings(config, shape, parameters),
        *_of_rows(config, rows),
        *_of_steps(config, steps),
    ]


def _of_settings(
    config: TrainingConfig, shape: ModelShape, parameters: Parameters | None
) -> Iterator[str]:
    schedule = config.training
    if config.method == "full" and config.lora != Lora():
        yield "The settings in lora have no effect: method: full trains all weights."
    if config.continue_from:
        yield "The adapter goes on with its own settings; those in lora have no effect."
    if shape.tied_head and parameters is not None and "lm_head" in config.lora.modules_to_save:
        yield (
            "The output layer is also the embedding in this base; trained whole, it becomes a layer "
            "of its own, and merging writes it beside the embedding."
        )
    if schedule.padding_free and schedule.per_device_train_batch_size == 1 and not schedule.packing:
        yield "padding_free has no effect on batches of one row."
    if config.accelerate_config:
        yield "The memory is of one process that holds all weights; the accelerate config may split them."


def _of_rows(config: TrainingConfig, rows: RowLengths | None) -> Iterator[str]:
    if rows is None:
        return
    if not rows.rows:
        yield "No row of the data set can be trained on."
    if rows.truncated:
        yield f"{rows.truncated:,} rows are longer than max_length ({config.training.max_length:,}) and are shortened."
    if rows.left_out:
        yield f"{rows.left_out:,} rows are left out: nothing of them would be learnt."
    if rows.rows and config.data.validation and not rows.validation_rows:
        yield "There are too few rows to keep some for evaluation."


def _of_steps(config: TrainingConfig, steps: Steps | None) -> Iterator[str]:
    if steps is None:
        return
    if steps.warmup >= steps.total:
        yield f"The learning rate still rises at the end: warmup has {steps.warmup:,} of {steps.total:,} steps."
    if steps.total < _FEW_STEPS:
        yield f"{steps.total} steps are few: learn for more epochs, or with smaller batches."
    if config.training.eval_steps >= 1 and not steps.evaluations:
        yield f"It ends before the first evaluation, which is at step {config.training.eval_steps:,.0f}."
