"""Loading a base in the number format of a run and putting on it what is trained."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel, get_peft_model
from transformers import BitsAndBytesConfig, set_seed

from ragopt_tui.chat.backends.transformers_loading import load_whole
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.machine import fast_bfloat16
from ragopt_tui.training.configuration.config import TrainingConfig
from ragopt_tui.training.planning.adapter_config import lora_config
from ragopt_tui.training.planning.parameters import is_tied
from ragopt_tui.training.worker.head import free_originals
from ragopt_tui.training.worker.trained_base import TrainedBase

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


@dataclass(frozen=True, slots=True)
class Precision:
    """`frozen` is the format of weights that are not trained, `computed` that of products.

    What is trained is held in fp32 whatever the formats, as small steps would be lost in others.
    """

    frozen: torch.dtype
    computed: torch.dtype

    @property
    def name(self) -> str:
        """The format that is computed in: `bf16`, `fp16` or `fp32`."""
        return next(name for name, dtype in _DTYPES.items() if dtype == self.computed)


def precision_of(config: TrainingConfig, gpu: bool, stored: str = "") -> Precision:
    """Give the formats of a run on a base whose weights are `stored` in a format.

    `auto` on a processor is bf16 for an adapter where the processor multiplies in it and the base
    is stored in it, as in the chat: that takes little more than half the time of fp32. Raises
    RagoptError for a format that the device cannot compute in.
    """
    wanted = config.training.dtype
    if wanted == "auto" and gpu:
        wanted = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    elif wanted == "auto":
        fast = config.method == "lora" and stored == "bf16" and fast_bfloat16()
        wanted = "bf16" if fast else "fp32"
    if wanted == "fp16" and not gpu:
        raise RagoptError(
            "dtype fp16 needs a GPU: a processor does not train in it.", "Set dtype to auto."
        )
    if wanted == "bf16" and gpu and not torch.cuda.is_bf16_supported():
        raise RagoptError("This GPU does not compute in bf16.", "Set dtype to fp16, or auto.")
    computed = _DTYPES[wanted]
    return Precision(torch.float32 if config.method == "full" else computed, computed)


def built_model(
    config: TrainingConfig, base: TrainedBase, precision: Precision, sharded: bool
) -> Any:  # noqa: ANN401
    """Load the base and put the adapter on it, or make all of it trainable.

    `sharded` is whether FSDP or DeepSpeed places the weights. Raises RagoptError with the reason
    if the base does not load.
    """
    model = _loaded(config, base, precision, sharded)
    # Adapters begin with random values, which are those of the seed.
    set_seed(config.training.seed)
    if config.method == "full":
        return model
    adapted = _adapted(config, base, model)
    if not sharded:
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        free_originals(adapted)
    return adapted


def _loaded(config: TrainingConfig, base: TrainedBase, precision: Precision, sharded: bool) -> Any:  # noqa: ANN401
    model = load_whole(
        base.folder,
        dtype=precision.frozen,
        quantization_config=_quantisation(config, precision, sharded),
        device_map=None if sharded else _device(),
        attn_implementation="sdpa",
    )
    if config.quantization.load_in_4bit:
        _keep_scales(model)
    return model


def _keep_scales(model: Any) -> None:  # noqa: ANN401
    """Keep bitsandbytes from repacking 4-bit weights at each evaluation on a processor.

    It rounds their scales to bf16 as it does, and training would go on with another base.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _device() -> dict[str, Any]:
    if not torch.cuda.is_available():
        return {"": "cpu"}
    return {"": int(os.environ.get("LOCAL_RANK", "0"))}


def _quantisation(
    config: TrainingConfig, precision: Precision, sharded: bool
) -> BitsAndBytesConfig | None:
    chosen = config.quantization
    if chosen.load_in_8bit:
        return BitsAndBytesConfig(load_in_8bit=True)  # type: ignore[no-untyped-call]
    if chosen.load_in_4bit:
        return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type=chosen.bnb_4bit_quant_type,
            bnb_4bit_use_double_quant=chosen.bnb_4bit_use_double_quant,
            bnb_4bit_compute_dtype=precision.computed,
            # FSDP shards only what has one format.
            bnb_4bit_quant_storage=precision.frozen if sharded else None,
        )
    return None


def _adapted(config: TrainingConfig, base: TrainedBase, model: Any) -> Any:  # noqa: ANN401
    with warnings.catch_warnings():
        # What PEFT says of tied weights the plan has said.
        warnings.filterwarnings("ignore", module="peft")
        adapted: Any
        if base.adapter is None:
            adapted = get_peft_model(model, lora_config(config.lora, tied=is_tied(model)))
        else:
            adapted = PeftModel.from_pretrained(
                model, str(base.adapter.variant.path), is_trainable=True, local_files_only=True
            )
    for each in adapted.peft_config.values():
        # A local one, as PEFT would ask the hub for any other with each checkpoint.
        each.base_model_name_or_path = str(base.folder)
        each.revision = None
    return adapted
