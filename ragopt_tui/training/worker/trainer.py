"""TRL's trainer with a loss that needs no logits of a whole batch, and checkpoints that are whole."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from transformers import PrinterCallback, Trainer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from ragopt_tui.training.worker.fused_loss import WithTargets, give_summed_loss, has_plain_head
from ragopt_tui.training.worker.host_memory import kept_on_host
from ragopt_tui.training.worker.loss import HeadGradient

# With each resumed run it would tell that a share of all steps is not the number that it makes.
logging.getLogger("transformers.trainer_utils").setLevel(logging.ERROR)


class RunTrainer(SFTTrainer):
    """Trains on rows of `input_ids` and `labels`, which are taken as they are.

    `tokens` counts the tokens trained on, without padding; `aside_seconds` is the time that went
    into evaluations, samples and checkpoints.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - a model of transformers, adapted or not
        args: SFTConfig,
        tokenizer: Any,  # noqa: ANN401
        rows: Any,  # noqa: ANN401 - a Dataset
        held_out: Any | None,  # noqa: ANN401
        write_checkpoint: Callable[[RunTrainer], None],
    ) -> None:
        trained = {name: each for name, each in model.named_parameters() if each.requires_grad}
        exact = {name: each.data for name, each in trained.items()}
        super().__init__(
            model=model,
            args=args,
            train_dataset=rows,
            eval_dataset=held_out,
            processing_class=tokenizer,
        )
        # TRL rounds what is trained on a quantised base to bf16, in which small steps are lost.
        for name, each in trained.items():
            each.data = exact[name]
        self.tokens = torch.zeros((), dtype=torch.int64, device=self.args.device)
        self.aside_seconds = 0.0
        self._write_checkpoint = write_checkpoint
        this: Any = self
        # The events have what it prints, and the log is for what else is said.
        this.remove_callback(PrinterCallback)
        inner = self.inner_model()
        self.sharded = bool(this.is_fsdp_enabled or this.is_deepspeed_enabled)
        self._own_loss = not self.sharded and has_plain_head(inner)
        # Several processes exchange gradients on the way back, so that none can wait.
        alone = this.accelerator.num_processes == 1
        self._head_gradient = HeadGradient() if self._own_loss and alone else None
        # Rows that are laid end to end are all long, and would all be waited for.
        self._spares_gpu = (
            self.args.device.type == "cuda"
            and args.gradient_checkpointing
            and not args.padding_free
        )
        self._longest_batch = 0
        if self._own_loss:
            give_summed_loss(inner, self._head_gradient)
            this.data_collator = WithTargets(this.data_collator)
            this.model_accepts_loss_kwargs = True
            this.loss_is_scaled_for_ga = True

    def inner_model(self) -> Any:  # noqa: ANN401
        """Give the model of transformers, without what PEFT has around it."""
        model: Any = self.model
        return model.get_base_model() if hasattr(model, "peft_config") else model

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Count the time within as not spent on training."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.aside_seconds += time.monotonic() - start

    def compute_loss(
        self,
        model: Any,  # noqa: ANN401
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Give the mean loss over the step's learnt tokens, of all processes."""
        this: Any = self
        if this.model.training:
            self._count(inputs)
        if not self._own_loss:
            parent: Any = super()
            return parent.compute_loss(model, inputs, return_outputs, num_items_in_batch)
        values = {name: each for name, each in inputs.items() if name != "labels"}
        count = len(inputs["targets"]) if num_items_in_batch is None else num_items_in_batch
        with self._room_for(inputs["input_ids"].numel()):
            loss = model(**values) / count
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            # Gradients are averaged over the processes, and `count` is of all of them.
            loss = loss * this.accelerator.num_processes
        return loss

    def _room_for(self, tokens: int) -> contextlib.AbstractContextManager[None]:
        """Have the longest batches, which make the peak, leave less on the GPU."""
        self._longest_batch = max(self._longest_batch, tokens)
        is_long = 2 * tokens > self._longest_batch
        return kept_on_host() if self._spares_gpu and is_long else contextlib.nullcontext()

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:  # noqa: ANN401
        """Go forth and back with a batch; gives its loss."""
        parent: Any = super()
        loss: torch.Tensor = parent.training_step(*args, **kwargs)
        if self._head_gradient is not None:
            head = self.inner_model().get_output_embeddings()
            self._head_gradient.settle(head.weight, head.bias)
        return loss

    def all_tokens(self) -> int:
        """Give the tokens trained on so far, of all processes; every process must ask."""
        this: Any = self
        if this.accelerator.num_processes == 1:
            return int(self.tokens)
        return int(this.accelerator.reduce(self.tokens.clone()))

    def mean_over_processes(self, value: torch.Tensor) -> float:
        """Give the mean of what each process has; every process must ask."""
        this: Any = self
        if this.accelerator.num_processes == 1:
            return float(value)
        return float(this.accelerator.reduce(value.clone(), reduction="mean"))

    def _count(self, inputs: dict[str, Any]) -> None:
        mask = inputs.get("attention_mask")
        if mask is None:
            self.tokens += inputs["input_ids"].numel()
        else:
            self.tokens += mask.sum()

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:  # noqa: ANN401
        """Give the mean loss over all learnt tokens of the rows held out, as `eval_loss`."""
        with self.aside():
            if not self._own_loss:
                parent: Any = super()
                found: dict[str, float] = parent.evaluate(*args, **kwargs)
                return found
            this: Any = self
            metrics = {"eval_loss": self._held_out_loss()}
            self.log(metrics)
            this.control = this.callback_handler.on_evaluate(
                this.args, this.state, this.control, metrics
            )
            return metrics

    @torch.no_grad()
    def _held_out_loss(self) -> float:
        """Evaluate each process's share of rows, of like length together, without any randomness."""
        this: Any = self
        model, rows, processes = this.model, this.eval_dataset, this.accelerator.num_processes
        model.eval()
        order = sorted(range(len(rows)), key=lambda at: len(rows[at]["input_ids"]))
        order = order[this.accelerator.process_index :: processes]
        size = this.args.per_device_eval_batch_size
        sums = torch.zeros(2, dtype=torch.float64)
        for start in range(0, len(order), size):
            chosen = [rows[at] for at in order[start : start + size]]
            batch = this._prepare_inputs(this.data_collator(chosen))
            batch.pop("labels")
            sums += torch.tensor([float(model(**batch)), len(batch["targets"])])
        if processes > 1:
            sums = this.accelerator.reduce(sums.to(this.args.device, torch.float32)).double()
        total, count = sums.tolist()
        return float(total / count) if count else float("nan")

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Tell the callbacks; the history is in the events and not in every checkpoint again."""
        parent: Any = Trainer if self._own_loss else SFTTrainer
        parent.log(self, logs, start_time)
        self.state.log_history.clear()

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Give 0: counting would walk through all parameters with every batch."""
        return 0

    def _save_checkpoint(self, model: Any, trial: Any) -> None:  # noqa: ANN401
        with self.aside():
            self._write_checkpoint(self)
