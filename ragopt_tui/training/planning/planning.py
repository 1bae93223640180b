"""Planning a run of this machine: its base, its data and what earlier runs took."""

from __future__ import annotations

from dataclasses import replace

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.machine import Machine
from ragopt_tui.models.store import VariantStore
from ragopt_tui.training.configuration.checks import combination_errors
from ragopt_tui.training.configuration.planned_base import Base, find_adapter, find_base
from ragopt_tui.training.configuration.reading import ConfigError
from ragopt_tui.training.configuration.values import TrainingConfig
from ragopt_tui.training.planning.adapter_config import lora_of_adapter
from ragopt_tui.training.planning.plan import Plan, make_plan
from ragopt_tui.training.planning.rows import is_stored, planned_rows
from ragopt_tui.training.planning.steps import RowLengths
from ragopt_tui.training.planning.throughput import earlier_throughput


def plan_training(config: TrainingConfig, store: VariantStore, machine: Machine) -> Plan:
    """Plan a run; what is wrong with it is among the plan's errors.

    Loads no weight and starts nothing. Raises RagoptError for a base whose architecture cannot be
    built.
    """
    try:
        base = find_base(config.base, store)
        if config.continue_from and config.method == "lora":
            adapter = find_adapter(config.continue_from, base, store)
            config = replace(config, lora=lora_of_adapter(adapter))
    except ConfigError as error:
        errors = (*combination_errors(config), error)
        return Plan(config, config.base, None, None, None, None, None, errors)
    rows, wrong = _rows(config, base)
    throughput = earlier_throughput(config, base.id or base.name, machine)
    plan = make_plan(config, base.name, base.architecture, machine, rows, throughput)
    if (config.data.columns or config.data.group) and is_stored(config.data):
        told = "data.columns and data.group are for files; the set was read with its own."
        plan = replace(plan, notes=(*plan.notes, told))
    if rows is None and wrong is None and config.data.set:
        told = (
            f"{config.data.set} is on the hub: the run fetches it; steps and time are known then."
        )
        plan = replace(plan, notes=(*plan.notes, told))
    return plan if wrong is None else replace(plan, errors=(*plan.errors, wrong))


def _rows(config: TrainingConfig, base: Base) -> tuple[RowLengths | None, ConfigError | None]:
    """Look at the data set; an error says why it cannot be used."""
    try:
        return planned_rows(config, base), None
    except RagoptError as error:
        told = f"data.set: {error.message}"
        return None, ConfigError(told, error.hint, key="data.set")
