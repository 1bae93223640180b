"""Training beside a plain TRL + PEFT script, as its documentation has it, on the same rows.

usage: python -m benchmarks.training_throughput [FOLDER] [--steps N] [--seconds S] [--profile FILE]

Three processes train the preset reference-0 (QLoRA in NF4, rank 16, trained output layer, batches
of 2 x 1024 tokens) one after the other: the plain script, our trainer alone, and the whole worker with
events of every step. Each trains N steps, or fewer if they take longer than S seconds; the steps that
all of them did are compared, on the same batches. Printed are useful tokens a second, without padding,
the seconds of a step, the peak memory that PyTorch handed out and reserved, what nvidia-smi says that
is in use, and the losses; then the ratios, of which the last is what the worker adds to its trainer.
One of the first steps is with the two longest rows, so that peaks are those of full batches.

With a GPU the model is of Mistral 7B's shape with random weights (15 GB, written into FOLDER if it is
not there), without one the built-in model with rows of up to 256 tokens, which shows that the script
works and little more. Rows have lengths drawn from a log-normal distribution like that of answers in
alpaca's format (median 150 tokens), cut at the longest. With --profile, FILE gets a table of what our
trainer spends its time on in three steps more.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
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
from ragopt_tui.training.execution.queueing import CPU, devices_here
from ragopt_tui.training.runs.folder import RunFolder

WARM_UP, PROFILED, ROWS, MEDIAN, SPREAD = 3, 3, 1000, 150, 0.8
FULL_BATCH = 1
"""Which of the warm-up's batches is the one with the longest rows: the optimiser has its state by then."""

WORDS = "revenue rose by the year to million and debt fell in a quarter as margin was of".split()
KINDS = ("plain", "trainer", "worker")
MEMORY = ("peak", "reserved", "in_use")
CURVE_POINTS = 16


@dataclass(slots=True)
class Clock:
    """Takes the time and the loss of each step, and the tokens of each batch.

    `longest` are the rows of the full batch.
    """

    gpu: bool
    longest: Any
    batches: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def counting(self, collate: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Give a collator that counts the tokens of its rows."""

        def counted(rows: Any) -> Any:  # noqa: ANN401
            if len(self.batches) == FULL_BATCH:
                rows = self.longest
            self.batches.append(sum(len(row["input_ids"]) for row in rows))
            return collate(rows)

        return counted

    def step(self) -> None:
        """Note the end of a step, once the device is done with it."""
        if self.gpu:
            import torch

            torch.cuda.synchronize()
        self.times.append(time.perf_counter())

    def result(self) -> dict[str, Any]:
        """Give the seconds and tokens of the steps behind the first few, and the peaks in bytes."""
        seconds = [after - before for before, after in itertools.pairwise(self.times)]
        return {
            "seconds": seconds[WARM_UP - 1 :],
            "tokens": self.batches[WARM_UP : len(self.times)],
        } | peaks(self.gpu)


def peaks(gpu: bool) -> dict[str, int]:
    """Give the most bytes that were handed out and reserved, and what nvidia-smi says is in use."""
    if not gpu:
        return {"peak": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
    import torch

    card = this_machine().gpus[0]
    return {
        "peak": torch.cuda.max_memory_allocated(),
        "reserved": torch.cuda.max_memory_reserved(),
        "in_use": card.total - card.free,
    }


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
        config.training, max_steps=WARM_UP + steps + PROFILED, eval_steps=0, save_steps=0,
        max_length=1024 if gpu else 256, gradient_accumulation_steps=1,
    )  # fmt: skip
    return replace(
        config, base=str(base), training=schedule, samples=(),
        data=replace(config.data, set="rows", validation=0),
    )  # fmt: skip


def measure(kind: str, config: TrainingConfig, seconds: float, profile: str) -> dict[str, Any]:
    """Train in this process and measure."""
    import torch
    from transformers import TrainerCallback

    from ragopt_tui.training.worker import worker

    gpu = torch.cuda.is_available()
    store = VariantStore(folders().models)
    run = RunFolder.of(kind)
    job = folders().jobs / kind
    job.mkdir(parents=True)
    report = Reporter(job / "events.jsonl")
    found = DataSetStore().find("rows")
    made = {"run": kind, "data": {"id": found.id, "version": found.record.version}}
    run.prepare(write_config(config), "", made)
    task = worker.Task(config, run, gpu)
    if kind == "worker":
        trainer: Any = worker.Session(task, report).trainer
    else:
        ready = worker.prepared(task, store, report)
        built = plain_trainer if kind == "plain" else own_trainer
        trainer = built(config, ready, gpu, run.path)
    clock = Clock(gpu, longest_rows(trainer.train_dataset, config))
    measured_steps = config.training.max_steps - PROFILED
    result: dict[str, Any] = {}
    last = 0
    profiler = torch.profiler.profile() if profile and kind == "trainer" else None

    class Timed(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401
            nonlocal last
            if result:
                control.should_training_stop = state.global_step >= last
                return
            clock.step()
            late = clock.times[-1] - clock.times[0] > seconds and len(clock.times) > WARM_UP
            if len(clock.times) < measured_steps and not late:
                return
            result.update(clock.result())
            last = state.global_step + PROFILED
            control.should_training_stop = profiler is None
            if profiler is not None:
                profiler.start()

        def on_log(self, *_: Any, logs: Mapping[str, Any] | None = None, **__: Any) -> None:  # noqa: ANN401
            if logs and "loss" in logs:
                clock.losses.append(float(logs["loss"]))

    trainer.data_collator = clock.counting(trainer.data_collator)
    trainer.add_callback(Timed())
    trainer.train()
    result["losses"] = clock.losses[: len(clock.times)]
    if profiler is not None:
        profiler.stop()
        write_profile(profiler, gpu, Path(profile))
    return result


def longest_rows(rows: Any, config: TrainingConfig) -> list[Any]:  # noqa: ANN401 - a Dataset
    """Give as many of the longest rows as make a batch; with enough rows they are of full length."""
    order = sorted(range(len(rows)), key=lambda at: -len(rows[at]["input_ids"]))
    chosen = [rows[at] for at in order[: config.training.per_device_train_batch_size]]
    assert all(len(row["input_ids"]) == config.training.max_length for row in chosen)
    return chosen


def write_profile(profiler: Any, gpu: bool, file: Path) -> None:  # noqa: ANN401 - torch's own
    """Write what takes the time of the device, and of the processor that feeds it."""
    averages = profiler.key_averages()
    orders = ["self_cuda_time_total"] if gpu else []
    tables = [
        averages.table(sort_by=order, row_limit=25, max_name_column_width=80)
        for order in [*orders, "self_cpu_time_total"]
    ]
    file.write_text(f"{PROFILED} steps\n" + "\n\n".join(tables), encoding="utf-8")


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
        seed=schedule.seed,
        data_seed=schedule.seed,
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


def measured(
    kind: str, config: TrainingConfig, home: Path, seconds: float, profile: str
) -> dict[str, Any] | None:
    """Measure in a process of its own; gives None, with a line about it, where that fails."""
    command = [sys.executable, "-m", "benchmarks.training_throughput", "--measure", kind]
    command += ["--seconds", str(seconds), "--profile", profile]
    environment = os.environ | {
        "RAGOPT_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
    }  # fmt: skip
    device = devices_here()[0]
    if device != CPU:
        environment["CUDA_VISIBLE_DEVICES"] = device
    if kind != "plain":
        # As the job does that trains.
        environment["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"
    began = time.monotonic()
    done = subprocess.run(
        command, input=write_config(config), text=True, stdout=subprocess.PIPE, env=environment,
        check=False,
    )  # fmt: skip
    if done.returncode:
        print(f"{kind:<8} failed with {done.returncode}\n{done.stdout[-2000:]}", flush=True)
        return None
    values: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    sizes = [f"{name} {values[name] / 2**30:.2f} GiB" for name in MEMORY if name in values]
    print(
        f"{kind:<8} {rate(values):>9,.1f} tokens/s  {step(values):.4f} s a step of "
        f"{len(values['seconds'])}  {'  '.join(sizes)}  ({time.monotonic() - began:.0f} s in all)",
        flush=True,
    )
    return values


def rate(values: Mapping[str, Any]) -> float:
    """Give the useful tokens a second."""
    return float(sum(values["tokens"]) / sum(values["seconds"]))


def step(values: Mapping[str, Any]) -> float:
    """Give the mean seconds of a step."""
    return statistics.fmean(values["seconds"])


def base_folder(folder: Path | None, gpu: bool) -> Path:
    """Give the model that is trained."""
    if not gpu:
        path = next(each.path for each in builtin_variants() if each.id == "builtin")
        assert path is not None
        return path
    from benchmarks.gpu_memory import LARGE, write_model

    place = folder or Path(tempfile.mkdtemp(prefix="mistral-shaped-"))
    if not (place / "config.json").is_file():
        began = time.monotonic()
        # In a process of its own, whose memory on the GPU is free again when it ends.
        writing = multiprocessing.get_context("spawn").Process(
            target=write_model, args=(place, LARGE)
        )
        writing.start()
        writing.join()
        assert writing.exitcode == 0, "the model could not be written"
        print(f"model written in {time.monotonic() - began:.0f} s", flush=True)
    return place


def main(folder: Path | None, steps: int, seconds: float, profile: str) -> int:
    """Measure all three and print their ratios; gives how many of them failed."""
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
        found = {kind: measured(kind, config, home, seconds, profile) for kind in KINDS}
    worked = {kind: values for kind, values in found.items() if values is not None}
    common = min((len(values["seconds"]) for values in worked.values()), default=0)
    for values in worked.values():
        for name in ("seconds", "tokens"):
            values[name] = values[name][:common]
    print_losses(worked)
    print_ratios(worked)
    return len(KINDS) - len(worked)


def print_losses(worked: Mapping[str, Mapping[str, Any]]) -> None:
    """Print points of the loss curves, each the mean of the steps since the one before."""
    for kind, values in worked.items():
        losses = values["losses"][: WARM_UP + len(values["seconds"])]
        size = max(1, len(losses) // CURVE_POINTS)
        parts = (losses[start : start + size] for start in range(0, len(losses), size))
        means = (statistics.fmean(part) for part in parts)
        print(f"{kind:<8} losses by {size} steps: " + " ".join(f"{mean:.3f}" for mean in means))


def print_ratios(worked: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the ratios of those that worked, over the steps that all did."""
    if "plain" in worked and "worker" in worked:
        plain, ours = worked["plain"], worked["worker"]
        same = "the same batches" if plain["tokens"] == ours["tokens"] else "OTHER BATCHES"
        print(f"steps compared: {len(plain['seconds'])}, {same}")
        print(f"useful tokens a second, ours / plain: {rate(ours) / rate(plain):.3f}")
        for name in MEMORY:
            if name in plain:
                print(f"memory ({name}), ours / plain: {ours[name] / plain[name]:.3f}")
    if "trainer" in worked and "worker" in worked:
        alone, whole = worked["trainer"], worked["worker"]
        pairs = zip(whole["seconds"], alone["seconds"], strict=True)
        median = statistics.median(with_events / without for with_events, without in pairs)
        print(
            f"a step of the worker / of its trainer alone: {step(whole) / step(alone):.3f}, "
            f"median of each step's {median:.3f}"
        )


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--profile", default="")
    parser.add_argument("--measure", choices=KINDS, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    chosen = _parsed(sys.argv[1:])
    if chosen.measure:
        config = parse_config(sys.stdin.read())
        print(json.dumps(measure(chosen.measure, config, chosen.seconds, chosen.profile)))
    else:
        sys.exit(main(chosen.folder, chosen.steps, chosen.seconds, chosen.profile))
