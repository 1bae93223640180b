"""One process that trains: from a configuration to weights in the library."""

from __future__ import annotations

import os
import shutil
import warnings
from dataclasses import dataclass, replace
from typing import Any

from ragopt_tui.chat.backends.transformers_loading import load_tokenizer
from ragopt_tui.jobs.events import JobCancelled, Reporter
from ragopt_tui.jobs.folder import JobFolder
from ragopt_tui.models.inspection import read_json
from ragopt_tui.models.machine import this_machine
from ragopt_tui.models.memory import size_text
from ragopt_tui.models.memory_requests import wait_for_memory
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.training.configuration.config import TrainingConfig
from ragopt_tui.training.data.rendering import Renderer
from ragopt_tui.training.data.run_data import data_of, same_set
from ragopt_tui.training.planning.adapter_config import lora_of_adapter
from ragopt_tui.training.planning.fitting import Fit
from ragopt_tui.training.planning.memory import free_memory
from ragopt_tui.training.planning.plan import Plan, make_plan
from ragopt_tui.training.planning.steps import RowLengths
from ragopt_tui.training.runs.folder import Checkpoint, RunFolder, RunState
from ragopt_tui.training.worker.agreement import stop_question
from ragopt_tui.training.worker.arguments import training_arguments
from ragopt_tui.training.worker.callbacks import RunCallback
from ragopt_tui.training.worker.checkpoints import rotate, write_checkpoint
from ragopt_tui.training.worker.model_building import built_model, precision_of
from ragopt_tui.training.worker.publishing import Publisher
from ragopt_tui.training.worker.rows import Rows, check_rows, packed, rendered_rows
from ragopt_tui.training.worker.samples import Sample, samples_of
from ragopt_tui.training.worker.trained_base import TrainedBase, trained_base
from ragopt_tui.training.worker.trainer import RunTrainer

_SECONDS_FOR_MEMORY = 15.0


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be trained and where it is kept; `gpu` is whether it has one.

    `job` is the job's folder where this is one of several processes.
    """

    config: TrainingConfig
    run: RunFolder
    gpu: bool
    working_folder: str = ""
    job: JobFolder | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the trainer is given beside the model."""

    base: TrainedBase
    tokenizer: Any
    train: Rows
    validation: Rows
    samples: list[Sample]


def work(task: Task, report: Reporter) -> dict[str, Any]:
    """Train to the end, and give what the job gives.

    Raises JobCancelled, with a checkpoint written, if it was asked to stop, and RagoptError where
    it could not go on.
    """
    # Names that TRL itself still uses are of no use in a run's log.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    session = Session(task, report)
    session.train()
    return session.finish()


class Session:
    """One job's part of a run, ready to train with its `trainer`."""

    def __init__(self, task: Task, report: Reporter) -> None:
        self._task, self._report = task, report
        self._store = VariantStore(folders().models)
        self._begun = _last(task.run)
        ready = self._ready = prepared(task, self._store, report)
        report.progress("loading the model", 0, None, "")
        stored = ready.base.record.facts.dtype
        precision = precision_of(task.config, task.gpu, stored)
        # DeepSpeed must know of them before a model is loaded, as its processes of each other.
        arguments = training_arguments(
            task.config, task.run.path, computed=precision.name, gpu=task.gpu,
            evaluates=bool(ready.validation.examples),
        )  # fmt: skip
        model = built_model(task.config, ready.base, precision, sharded=_is_sharded())
        state = self._begun.state() if self._begun else RunState(0)
        asked_to_stop = stop_question(report, task.job)
        self._callback = RunCallback(task.config, report, ready.samples, asked_to_stop, state)
        self._saved = state.step
        self.trainer: Any = RunTrainer(
            model, arguments, ready.tokenizer, ready.train.dataset,
            ready.validation.dataset if ready.validation.examples else None, self._save,
        )  # fmt: skip
        self._callback.trainer = self.trainer
        self.trainer.add_callback(self._callback)
        self._publisher = _publisher(task, self._store, ready.base, report)

    @property
    def _is_first(self) -> bool:
        return bool(self.trainer.accelerator.is_main_process)

    def train(self) -> None:
        """Train to the end, or to a stop."""
        self._report.raise_if_cancelled()
        self.trainer.train(resume_from_checkpoint=str(self._begun.path) if self._begun else None)
        step = self.trainer.state.global_step
        if self._saved != step:
            self._save(self.trainer, listed=self._callback.stopped)
        if self._callback.stopped:
            total = self.trainer.state.max_steps
            raise JobCancelled(
                f"Stopped at step {step} of {total}; its checkpoint is kept.",
                f"Go on: `ragopt-tui train --resume {self._task.run.path.name}`.",
            )

    def finish(self) -> dict[str, Any]:
        """Put the trained variant into the library and give the job's result.

        Only the first process does so.
        """
        if not self._is_first:
            return {}
        state, run, config = self._callback.state, self._task.run, self._task.config
        best = config.training.load_best_model_at_end and state.best_step
        checkpoint = run.checkpoint(best or state.step) or run.checkpoints()[-1]
        record = self._publisher.add_result(checkpoint.path, checkpoint.state())
        self._tell_checkpoint(checkpoint.step, record)
        # Their weights are variants; what else they hold serves only to go on.
        shutil.rmtree(run.checkpoints_folder, ignore_errors=True)
        of = f"the best of {state.step} steps" if best else f"{state.step} steps"
        return {
            "variant": record.variant.id,
            "run": run.path.name,
            "step": checkpoint.step,
            "message": f"{record.variant.name} is in the library: step {checkpoint.step}, {of}.",
        }

    def _save(self, trainer: RunTrainer, listed: bool = True) -> None:
        """Write a checkpoint; one that is not `listed` becomes the result at once."""
        state, run = self._callback.state_now(), self._task.run
        self._saved = state.step
        checkpoint = write_checkpoint(trainer, run, self._ready.base, state)
        if checkpoint is None:
            return
        if listed:
            record = self._publisher.add_checkpoint(checkpoint.path, state)
            self._tell_checkpoint(checkpoint.step, record)
        best = state.best_step if self._task.config.training.load_best_model_at_end else 0
        for step in rotate(run, self._task.config.training.save_total_limit, best):
            self._publisher.drop_checkpoint(step)

    def _tell_checkpoint(self, step: int, record: VariantRecord) -> None:
        best = self._callback.state.best_step == step
        self._report.event("checkpoint", step=step, variant=record.variant.id, best=best)


def _is_sharded() -> bool:
    """Whether accelerate has been told that FSDP or DeepSpeed places the weights."""
    names = ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED")
    return any(os.environ.get(name, "").lower() in ("true", "1") for name in names)


def prepared(task: Task, store: VariantStore, report: Reporter) -> Prepared:
    """Find the base and the data and render them; raises RagoptError where either is not usable."""
    config = task.config
    base = trained_base(store, config)
    data = data_of(config.data, same_set(task.run.read_made(), task.run.path.name))
    tokenizer = load_tokenizer(base.words)
    from_builtin = store.from_builtin(base.record.variant)
    renderer = _renderer(config, base, tokenizer, from_builtin)
    train = rendered_rows(data.train, renderer, report, data.train_count, "examples")
    check_rows(train, data.set.id)
    held_out = data.validation
    validation = rendered_rows(held_out, renderer, report, len(held_out), "validation examples")
    samples = samples_of(config.samples, held_out, renderer)
    plan = _plan(config, base, train, len(validation.lengths), report)
    if plan.fit is not None and not plan.fit.fits and task.job is None:
        _ask_for_memory(plan.fit, report)
    if config.training.packing:
        train = packed(train, config.training.max_length)
    return Prepared(base, tokenizer, train, validation, samples)


def _renderer(
    config: TrainingConfig,
    base: TrainedBase,
    tokenizer: Any,  # noqa: ANN401
    from_builtin: bool,
) -> Renderer:
    return Renderer(
        tokenizer,
        template=config.data.template,
        completion_only=config.data.completion_only_loss,
        max_length=config.training.max_length,
        builtin=from_builtin,
        chat_template=base.chat_template,
    )


def _plan(
    config: TrainingConfig, base: TrainedBase, rows: Rows, held_out: int, report: Reporter
) -> Plan:
    if base.adapter is not None and base.adapter.variant.path is not None:
        lora = lora_of_adapter(base.adapter.variant.path)
        config = replace(config, lora=lora)
    lengths = RowLengths(rows.examples, rows.lengths, rows.truncated, rows.left_out, held_out)
    architecture = read_json(base.folder / "config.json")
    plan = make_plan(config, base.record.variant.name, architecture, this_machine(), lengths)
    report.event("plan", **plan.to_json())
    if rows.left_out:
        report.message(f"{rows.left_out} examples are left out: nothing of them would be learnt.")
    if rows.truncated:
        longest = config.training.max_length
        report.message(
            f"{rows.truncated} examples are longer than max_length ({longest}) and are shortened."
        )
    return plan


def _ask_for_memory(fit: Fit, report: Reporter) -> None:
    """Have the chat model step aside; training begins in any case, as needs are estimates."""
    need = size_text(fit.memory.total)
    report.message(f"Training needs about {need}: the chat model is asked to step aside.")
    report.progress("waiting", 0, None, "", "for memory")

    def enough() -> bool:
        report.raise_if_cancelled()
        return free_memory(this_machine()) >= fit.memory.total

    if not wait_for_memory(enough, _SECONDS_FOR_MEMORY):
        free = size_text(free_memory(this_machine()))
        report.message(f"About {need} are needed and {free} are free; training tries all the same.")


def _publisher(task: Task, store: VariantStore, base: TrainedBase, report: Reporter) -> Publisher:
    config = task.config
    return Publisher(
        store,
        told=report.message,
        name=config.name,
        kind="adapter" if config.method == "lora" else "base",
        parent=base.record.variant.id,
        made=task.run.read_made(),
        repository=config.push_checkpoints_to,
        working_folder=task.working_folder,
    )


def _last(run: RunFolder) -> Checkpoint | None:
    found = run.checkpoints()
    return found[-1] if found else None
