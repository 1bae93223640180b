"""Real runs of a tiny random model, in this process or one of their own."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from ragopt_tui.jobs.events import Reporter
from ragopt_tui.jobs.folder import JobFolder, JobResult, JobSpec
from ragopt_tui.models.variant import builtin_variants
from ragopt_tui.settings import folders
from ragopt_tui.training.data.example import Example, Message
from ragopt_tui.training.data.record import DataSetRecord
from ragopt_tui.training.data.store import DataSetStore
from ragopt_tui.training.runs.starting import TARGET

BUILTIN = next(variant.path for variant in builtin_variants() if variant.id == "builtin")
STEPS = 12


@cache
def tiny_base(tied: bool = False) -> Path:
    """A Llama of two layers with the built-in model's tokenizer, made once."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    assert BUILTIN is not None
    folder = Path(mkdtemp(prefix="tiny-base-")) / ("tied" if tied else "tiny")
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=8192, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
        tie_word_embeddings=tied, bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    for file in BUILTIN.iterdir():
        if "token" in file.name or "template" in file.name:
            shutil.copyfile(file, folder / file.name)
    return folder


def examples(count: int, seed: int = 0) -> list[Example]:
    """Questions of differing lengths with their answers."""
    pick = random.Random(seed)
    made = []
    for number in range(count):
        about = " and ".join(f"item {pick.randrange(100)}" for _ in range(pick.randint(1, 6)))
        asked = Message("user", f"What was the revenue of {about} in row {number}?")
        said = f"It was {pick.randint(1, 99)}.{pick.randint(0, 9)} million."
        made.append(Example(messages=(asked, Message("assistant", said, trained=True))))
    return made


def tiny_set(train: int = 24, validation: int = 6) -> str:
    """Keep a set of such examples in the home of this test; gives its id."""
    made = examples(train + validation)
    splits: Any = {"train": made[:train], "validation": made[train:], "test": []}
    record = DataSetRecord("", "facts", "", "chat", 0.0, {})
    return DataSetStore().add(record, splits).id


def config_of(extra: str = "", *, base: Path | str | None = None, **training: Any) -> str:
    """YAML of a short run; `training` are settings of the schedule."""
    schedule = {
        "max_steps": STEPS, "per_device_train_batch_size": 2, "learning_rate": 1e-3,
        "warmup_steps": 2, "eval_steps": 4, "save_steps": 4, "save_total_limit": 0,
        "max_length": 96, "dtype": "fp32",
    } | training  # fmt: skip
    lines = "\n".join(f"  {key}: {json.dumps(value)}" for key, value in schedule.items())
    return f"name: tiny run\nbase: {base or tiny_base()}\ndata: {{set: facts}}\ntraining:\n{lines}\n{extra}"


def job_folder(config: str, run: str = "", **parameters: Any) -> JobFolder:
    """A job's folder as the supervisor makes one, whose process is this one."""
    values = {"config": config, "original": "", "run": run} | parameters
    id = f"20260101-000000-{len(list(_jobs())):04x}"
    folder = JobFolder(folders().jobs / id)
    os.close(folder.create(JobSpec(id, "train", "train tiny run", TARGET, values, time.time())))
    return folder


def trained(config: str, run: str = "", report: Reporter | None = None) -> dict[str, Any]:
    """Train in this process as the job does; gives its result, with its `job` id."""
    from ragopt_tui.training.execution import job

    folder = job_folder(config, run)
    result = job.train(folder.read_spec().parameters, report or Reporter(folder.events_file))
    folder.write_result(JobResult("finished", result["message"], "", result))
    return result | {"job": folder.path.name}


def events(job: str, kind: str = "") -> list[dict[str, Any]]:
    """The events of a job, all or of one type."""
    file = JobFolder(folders().jobs / job).events_file
    lines = file.read_text().splitlines() if file.exists() else []
    found = [json.loads(line) for line in lines]
    return [event for event in found if not kind or event["type"] == kind]


def losses(job: str) -> dict[int, float]:
    """The logged losses of a job by step."""
    return {event["step"]: event["loss"] for event in events(job, "train")}


def _jobs() -> list[Path]:
    return list(folders().jobs.iterdir()) if folders().jobs.is_dir() else []
