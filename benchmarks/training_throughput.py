"""Training beside a plain TRL + PEFT script, as its documentation has it, on the same rows.

usage: python -m benchmarks.training_throughput [FOLDER] [--steps N]

Three processes train the preset reference-0 (QLoRA in NF4, rank 16, trained output layer, batches
of 2 x 1024 tokens) one after the other: the plain script, our trainer alone, and the whole worker with
events of every step. Printed are useful tokens a second, without padding, and the peak memory of
each, and their ratios; the last one is what the worker adds to its trainer. With a GPU the model is of
Mistral 7B's shape with random weights (15 GB, written into FOLDER if it is not there), without one
the built-in model with rows of up to 256 tokens, which shows that the script works and little more.
Rows have lengths drawn from a log-normal distribution like that of answers in alpaca's format (median
150 tokens), cut at the longest.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.machine import fast_bfloat16, this_machine
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import builtin_variants
from ragopt_tui.settings import folders
from ragopt_tui.training.configuration.config import TrainingConfig, parse_config, write_config
from ragopt_tui.training.configuration.presets import preset
from ragopt_tui.training.data.example import Example
from ragopt_tui.training.data.record import DataSetRecord
from ragopt_tui.training.data.store import DataSetStore
from ragopt_tui.training.runs.folder import RunFolder

WARM_UP, ROWS, MEDIAN, SPREAD = 3, 400, 150, 0.8
WORDS = "revenue rose by the year to million and debt fell in a quarter as margin was of".split()
KINDS = ("plain", "trainer", "worker")


@dataclass(slots=True)
class Clock:
    """Takes the time of the steps behind the first few, and the tokens of each batch."""

    gpu: bool
    batches: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def counting(self, collate: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Give a collator that counts the tokens of its rows."""

        def counted(rows: Any) -> Any:  # noqa: ANN401
            self.batches.append(sum(len(row["input_ids"]) for row in rows))
            return collate(rows)

        return counted

    def step(self) -> None:
        """Note the end of a step, once the device is done with it."""
        if self.gpu:
            import torch

            torch.cuda.synchronize()
        self.times.append(time.perf_counter())

    def result(self, per_step: int) -> dict[str, float]:
        """Give tokens a second, seconds a step, and the peak memory in bytes."""
        seconds = self.times[-1] - self.times[WARM_UP - 1]
        steps = len(self.times) - WARM_UP
        counted = self.batches[WARM_UP * per_step : len(self.times) * per_step]
        if self.gpu:
            import torch

            peak = float(torch.cuda.max_memory_allocated())
        else:
            peak = 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"rate": sum(counted) / seconds, "step": seconds / steps, "peak": peak}


def made_examples(longest: int) -> list[Example]:
    """Give texts of varied lengths."""
    rng = random.Random(7)  # noqa: S311
    lengths = (int(rng.lognormvariate(0, SPREAD) * MEDIAN) for _ in range(ROWS))
    return [
        Example(text=" ".join(rng.choices(WORDS, k=min(max(length, 12), longest))))
        for length in lengths
    ]


def configuration(base: Path, gpu: bool, steps: int) -> TrainingConfig:
    """Give the preset for this machine, as long as is measured."""
    config = preset("reference-0").config
    schedule = replace(
        config.training, max_steps=WARM_UP + steps, eval_steps=0, save_steps=0,
        max_length=1024 if gpu else 256, gradient_accumulation_steps=1,
    )  # fmt: skip
    return replace(
        config, base=str(base), training=schedule, samples=(),
        data=replace(config.data, set="rows", validation=0),
    )  # fmt: skip


def measure(kind: str, config: TrainingConfig) -> dict[str, float]:
    """Train in this process and measure."""
    import torch
    from transformers import TrainerCallback

    from ragopt_tui.training.worker import worker

    gpu = torch.cuda.is_available()
    clock, store = Clock(gpu), VariantStore(folders().models)
    run = RunFolder.of(kind)
    job = folders().jobs / kind
    job.mkdir(parents=True)
    report = Reporter(job / "events.jsonl")
    found = DataSetStore().find("rows")
    made = {"run": kind, "data": {"id": found.id, "version": found.record.version}}
    run.prepare(write_config(config), "", made)
    task = worker.Task(config, run, gpu)

    class Timed(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
            clock.step()

    if kind == "worker":
        trainer: Any = worker.Session(task, report).trainer
    else:
        ready = worker.prepared(task, store, report)
        built = plain_trainer if kind == "plain" else own_trainer
        trainer = built(config, ready, gpu, run.path)
    trainer.data_collator = clock.counting(trainer.data_collator)
    trainer.add_callback(Timed())
    trainer.train()
    return clock.result(config.training.gradient_accumulation_steps)


def plain_trainer(config: TrainingConfig, ready: Any, gpu: bool, folder: Path) -> Any:  # noqa: ANN401
    """Build TRL's trainer as its documentation shows it for QLoRA."""
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    schedule, lora = config.training, config.lora
    dtype = torch.bfloat16 if gpu or fast_bfloat16() else torch.float32
    quantised = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    model = AutoModelForCausalLM.from_pretrained(
        config.base,
        quantization_config=quantised,
        dtype=dtype,
        device_map="cuda:0" if gpu else "cpu",
    )
    arguments = SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=schedule.per_device_train_batch_size,
        gradient_accumulation_steps=schedule.gradient_accumulation_steps,
        max_steps=schedule.max_steps,
        learning_rate=schedule.learning_rate,
        max_length=schedule.max_length,
        gradient_checkpointing=schedule.gradient_checkpointing,
        bf16=dtype == torch.bfloat16,
        use_cpu=not gpu,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    adapter = LoraConfig(
        r=lora.r,
        lora_alpha=lora.lora_alpha,
        lora_dropout=lora.lora_dropout,
        target_modules=list(lora.target_modules),
        modules_to_save=list(lora.modules_to_save),
        task_type="CAUSAL_LM",
    )
    return SFTTrainer(
        model=model, args=arguments, train_dataset=ready.train.dataset, peft_config=adapter,
        processing_class=ready.tokenizer,
    )  # fmt: skip


def own_trainer(config: TrainingConfig, ready: Any, gpu: bool, folder: Path) -> Any:  # noqa: ANN401
    """Build our trainer without what the worker adds."""
    from ragopt_tui.training.worker.arguments import training_arguments
    from ragopt_tui.training.worker.model_building import built_model, precision_of
    from ragopt_tui.training.worker.trainer import RunTrainer

    precision = precision_of(config, gpu, "bf16")
    arguments = training_arguments(
        config, folder, computed=precision.name, gpu=gpu, evaluates=False
    )
    model = built_model(config, ready.base, precision, sharded=False)
    return RunTrainer(model, arguments, ready.tokenizer, ready.train.dataset, None, lambda _: None)


def measured(kind: str, config: TrainingConfig, home: Path) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.training_throughput", "--measure", kind]
    done = subprocess.run(
        command, input=write_config(config), text=True, stdout=subprocess.PIPE, check=True,
        env=os.environ
        | {"RAGOPT_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"},
    )  # fmt: skip
    values: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{kind:<8} {values['rate']:>9,.1f} tokens/s  {values['step']:.3f} s a step  "
        f"peak {values['peak'] / 2**30:.2f} GiB",
        flush=True,
    )
    return values


def base_folder(folder: Path | None, gpu: bool) -> Path:
    """Give the model that is trained."""
    if not gpu:
        path = next(each.path for each in builtin_variants() if each.id == "builtin")
        assert path is not None
        return path
    from benchmarks.gpu_memory import LARGE, write_model

    place = folder or Path(tempfile.mkdtemp(prefix="mistral-shaped-"))
    if not (place / "config.json").is_file():
        write_model(place, LARGE)
    return place


def main(folder: Path | None, steps: int) -> None:
    """Measure all three and print their ratios."""
    gpu = bool(this_machine().gpus_of(gguf=False))
    config = configuration(base_folder(folder, gpu), gpu, steps)
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        store = DataSetStore(home / "data" / "datasets")
        splits: Any = {
            "train": made_examples(config.training.max_length),
            "validation": [],
            "test": [],
        }
        store.add(DataSetRecord("", "rows", "", "text", 0.0, {}), splits)
        plain, trainer, worker = (measured(kind, config, home) for kind in KINDS)
    print(f"useful tokens a second, ours / plain: {worker['rate'] / plain['rate']:.2f}")
    print(f"peak memory, ours / plain: {worker['peak'] / plain['peak']:.2f}")
    print(f"a step of the worker / of its trainer alone: {worker['step'] / trainer['step']:.3f}")


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--measure", choices=KINDS, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    chosen = _parsed(sys.argv[1:])
    if chosen.measure:
        print(json.dumps(measure(chosen.measure, parse_config(sys.stdin.read()))))
    else:
        main(chosen.folder, chosen.steps)
