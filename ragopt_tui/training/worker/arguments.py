"""The configuration of a run as TRL's arguments."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from trl.trainer.sft_config import SFTConfig

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.configuration.config import TrainingConfig

# The same steps, without copies of all that is trained.
_FUSED = {"adamw_torch": "adamw_torch_fused"}
_PACKAGES = {
    "tensorboard": ("tensorboard", "tensorboardX"),
    "wandb": ("wandb",),
    "mlflow": ("mlflow",),
}


def training_arguments(
    config: TrainingConfig, folder: Path, *, computed: str, gpu: bool, evaluates: bool
) -> SFTConfig:
    """Give the arguments of a run whose trackers write to `folder`; `computed` is its format.

    Raises RagoptError for what TRL refuses, or a tracker that is not installed.
    """
    chosen = config.training
    check_trackers(chosen.report_to)
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(folder / "tensorboard"))
    values: dict[str, Any] = {
        "output_dir": str(folder),
        "run_name": config.name,
        "num_train_epochs": chosen.num_train_epochs,
        "max_steps": chosen.max_steps,
        "per_device_train_batch_size": chosen.per_device_train_batch_size,
        "per_device_eval_batch_size": chosen.per_device_train_batch_size,
        "gradient_accumulation_steps": chosen.gradient_accumulation_steps,
        "learning_rate": chosen.learning_rate,
        "lr_scheduler_type": chosen.lr_scheduler_type,
        "warmup_steps": _steps(chosen.warmup_steps),
        "weight_decay": chosen.weight_decay,
        "max_grad_norm": chosen.max_grad_norm,
        "optim": _FUSED.get(chosen.optim, chosen.optim) if gpu else chosen.optim,
        "neftune_noise_alpha": chosen.neftune_noise_alpha or None,
        "gradient_checkpointing": chosen.gradient_checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "logging_steps": chosen.logging_steps,
        "logging_first_step": True,
        "eval_strategy": "steps" if evaluates and chosen.eval_steps else "no",
        "eval_steps": _steps(chosen.eval_steps) or None,
        "save_strategy": "steps" if chosen.save_steps else "no",
        "save_steps": _steps(chosen.save_steps) or 1,
        "seed": chosen.seed,
        "data_seed": chosen.seed,
        "report_to": list(chosen.report_to) or "none",
    }
    try:
        return SFTConfig(**values, **_fixed(config, computed=computed, gpu=gpu))
    except (ValueError, ImportError) as error:
        raise RagoptError(f"TRL refuses the configuration: {error}") from error


def _fixed(config: TrainingConfig, *, computed: str, gpu: bool) -> dict[str, Any]:
    """Give what no setting changes: the rows are ready, and nothing waits for the GPU needlessly."""
    packed = config.training.packing or config.training.padding_free
    return {
        "max_length": None,
        "packing": False,
        "padding_free": packed,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "bf16": computed == "bf16",
        "fp16": computed == "fp16",
        "use_cpu": not gpu,
        "dataloader_pin_memory": gpu,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "log_level": "warning",
        "ddp_find_unused_parameters": False,
        "ddp_backend": None if gpu or "RANK" not in os.environ else "gloo",
    }


def _steps(value: float) -> float:
    return value if 0 < value < 1 else int(value)


def check_trackers(names: tuple[str, ...]) -> None:
    """Raise RagoptError for a tracker whose package is not installed."""
    for name in names:
        packages = _PACKAGES[name]
        if not any(importlib.util.find_spec(package) for package in packages):
            raise RagoptError(
                f"training.report_to names {name}, which is not installed.",
                f"Install it: `pip install {packages[0]}`, or leave it out.",
            )
