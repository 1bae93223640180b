"""Why a run ended, in a sentence, and what to change."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.configuration.config import TrainingConfig
from ragopt_tui.training.runs.folder import RunFolder

_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")


@contextlib.contextmanager
def told(config: TrainingConfig, run: RunFolder, gpu: bool) -> Iterator[None]:
    """Turn a lack of memory into a RagoptError that names what to change in the configuration."""
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        where = "GPU memory" if gpu else "memory"
        last = run.checkpoints()
        kept = f" The checkpoint of step {last[-1].step} is kept." if last else ""
        raise RagoptError(
            f"Training ran out of {where}.{kept}", f"To need less: {memory_advice(config)}."
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, PyTorch or the system is a lack of memory."""
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError):
        return True
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return any(words in str(error).lower() for words in _WORDS)


def memory_advice(config: TrainingConfig) -> str:
    """Say which settings of a run take less memory when changed, the most effective first."""
    chosen = config.training
    advice: list[str] = []
    if chosen.per_device_train_batch_size > 1:
        accumulated = chosen.gradient_accumulation_steps * chosen.per_device_train_batch_size
        advice.append(
            "per_device_train_batch_size 1 with gradient_accumulation_steps "
            f"{accumulated}, which learns the same"
        )
    if not chosen.gradient_checkpointing:
        advice.append("gradient_checkpointing true")
    if config.method == "full":
        advice.append("method lora")
    elif not config.quantization.bits:
        advice.append("quantization.load_in_4bit true")
    advice.append(f"a max_length below {chosen.max_length}")
    if config.lora.modules_to_save and config.method == "lora":
        advice.append("no modules_to_save")
    return ", ".join(advice)
