"""What a run says while it trains, when it stops, and what it keeps to go on exactly."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.training.configuration.config import TrainingConfig
from ragopt_tui.training.runs.folder import RunState
from ragopt_tui.training.worker.divergence import Watch
from ragopt_tui.training.worker.samples import Sample, answer

if TYPE_CHECKING:
    from ragopt_tui.training.worker.trainer import RunTrainer

_SECONDS_BETWEEN_PROGRESS = 1.0
_BROKEN_POINTS = 2


class RunCallback(TrainerCallback):
    """Writes the events of a run; on all but the first process it only counts.

    `stopped` says that the run ended because it was asked to.
    """

    def __init__(
        self,
        config: TrainingConfig,
        report: Reporter | None,
        samples: list[Sample],
        asked_to_stop: Callable[[], bool],
        begun: RunState,
    ) -> None:
        self._config = config
        self._report = report
        self._samples = samples
        self._asked_to_stop = asked_to_stop
        self._watch = Watch()
        self._process = psutil.Process()
        self._told = 0.0
        self.stopped = False
        self.begun = begun
        self.state = begun
        self.trainer: RunTrainer

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:  # noqa: ANN401
        """Take up where a checkpoint left off."""
        this: Any = self.trainer
        this._tr_loss += self.begun.loss_sum
        this._globalstep_last_logged = self.begun.logged
        this.tokens += self.begun.tokens if this.accelerator.is_main_process else 0
        self._start = self._last = (time.monotonic(), this.aside_seconds, self.begun.tokens)
        self._first_step = state.global_step
        if self._report is not None and state.global_step:
            self._report.event("resumed", step=state.global_step)
        due = args.eval_strategy != "no" and state.global_step % int(state.eval_steps) == 0
        if due and self.begun.evaluated < state.global_step:
            this.evaluate()

    def on_step_end(
        self,
        args: Any,  # noqa: ANN401
        state: TrainerState,
        control: TrainerControl,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """End after this step, with a checkpoint and without an evaluation, if asked to stop."""
        self.state = replace(self.state, step=state.global_step)
        if self._asked_to_stop() and state.global_step < state.max_steps:
            self.stopped = True
            control.should_training_stop = control.should_save = True
            control.should_evaluate = False
        elif state.global_step >= state.max_steps:
            # The last checkpoint is written after the training, whatever the interval.
            control.should_save = False
            control.should_evaluate = args.eval_strategy != "no"

    def on_log(
        self,
        args: Any,  # noqa: ANN401
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Tell of a point of the curves."""
        if not logs or "loss" not in logs:
            return
        step, loss, norm = state.global_step, float(logs["loss"]), logs.get("grad_norm")
        tokens = self.trainer.all_tokens()
        self.state = replace(
            self.state, step=step, logged=step, tokens=tokens,
            loss=loss if math.isfinite(loss) else None,
        )  # fmt: skip
        seen = self._watch.look(step, loss, norm)
        if self._report is not None:
            self._tell_point(self._report, state, logs, tokens)
            for each in seen:
                self._report.event(
                    "watch", step=each.step, kind=each.kind, text=each.text, hint=each.hint
                )
        if self._watch.broken >= _BROKEN_POINTS:
            raise RagoptError(
                f"The run was ended at step {step}: its loss is not a number any more.",
                "Lower learning_rate (a tenth is a start), keep max_grad_norm at 1, and train in "
                "bf16 or fp32 rather than fp16.",
            )

    def _tell_point(
        self,
        report: Reporter,
        state: TrainerState,
        logs: dict[str, Any],
        tokens: int,
    ) -> None:
        now = (time.monotonic(), self.trainer.aside_seconds, tokens)
        seconds = (now[0] - self._last[0]) - (now[1] - self._last[1])
        rate = (tokens - self._last[2]) / seconds if seconds > 0 else None
        self._last = now
        report.event(
            "train",
            step=state.global_step,
            epoch=_number(state.epoch),
            loss=_number(logs["loss"]),
            learning_rate=_number(logs.get("learning_rate")),
            grad_norm=_number(logs.get("grad_norm")),
            tokens=tokens,
            tokens_per_second=_number(rate),
            gpu_bytes=torch.cuda.memory_reserved() if torch.cuda.is_available() else None,
            host_bytes=int(self._process.memory_info().rss),
        )
        last = state.global_step >= state.max_steps
        if last or now[0] - self._told > _SECONDS_BETWEEN_PROGRESS:
            self._told = now[0]
            report.progress(
                "training", state.global_step, state.max_steps, "steps",
                detail=f"loss {float(logs['loss']):.3f}", eta_seconds=self._seconds_left(state),
            )  # fmt: skip

    def _seconds_left(self, state: TrainerState) -> float | None:
        done = state.global_step - self._first_step
        elapsed = time.monotonic() - self._start[0]
        return elapsed / done * (state.max_steps - state.global_step) if done else None

    def on_evaluate(
        self,
        args: Any,  # noqa: ANN401
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Tell of an evaluation, answer the sample questions, and stop where nothing gets better."""
        loss = float((metrics or {}).get("eval_loss", math.nan))
        step = state.global_step
        better = self.state.best_loss is None or loss < self.state.best_loss
        waited = 0 if better else self.state.evaluations_without_better + 1
        self.state = replace(self.state, evaluated=step, evaluations_without_better=waited)
        if better and math.isfinite(loss):
            self.state = replace(self.state, best_step=step, best_loss=loss)
            control.should_save |= self._config.training.load_best_model_at_end
        if self._report is not None:
            self._report.event(
                "evaluation", step=step, epoch=_number(state.epoch), loss=_number(loss)
            )
            self._tell_samples(self._report, step)
        patience = self._config.training.early_stopping_patience
        if patience and waited >= patience and not control.should_training_stop:
            control.should_training_stop = True
            if self._report is not None:
                best = self.state.best_step
                self._report.message(
                    f"Stopped early: {waited} evaluations were no better than that of step {best}."
                )

    def _tell_samples(self, report: Reporter, step: int) -> None:
        if self.trainer.sharded:
            return
        for sample in self._samples:
            text = answer(self.trainer.inner_model(), self.trainer.processing_class, sample)
            report.event("sample", step=step, prompt=sample.question, text=text)

    def state_now(self) -> RunState:
        """Give what the run knows now, for a checkpoint."""
        this: Any = self.trainer
        return replace(
            self.state,
            step=this.state.global_step,
            tokens=this.all_tokens(),
            loss_sum=this.mean_over_processes(this._tr_loss),
            logged=this._globalstep_last_logged,
        )


def _number(value: Any) -> float | None:  # noqa: ANN401
    """Give a value for JSON; None for what is no number."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None
