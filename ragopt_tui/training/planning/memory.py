"""What training takes in the memory of one device, from the measures of the model alone."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from ragopt_tui.models.machine import Machine
from ragopt_tui.models.model_shape import ModelShape
from ragopt_tui.training.configuration.values import TrainingConfig
from ragopt_tui.training.planning.parameters import Parameters

Device = Literal["gpu", "cpu"]

LOGITS_AT_ONCE = 1 << 24
"""How many logits the loss makes at a time; `loss.py` has the same."""

_LOGITS_COPIES = 2.5
_LEAST_TOKENS = 64
_CUDA_CONTEXT = 1_400_000_000
_PROCESS = 800_000_000
_TRAINED_BYTES = 4
_MASTER_BYTES = 4
_4BIT_BYTES = 0.5 + 4 / 64
# The scales of 64 numbers in 8 bits, and theirs of 256 in 32.
_4BIT_DOUBLE_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
_8BIT_BYTES = 1.01
_OPTIMISER_BYTES = {
    "adamw_torch": 8.0,
    "adamw_torch_fused": 8.0,
    "adamw_8bit": 2.1,
    "paged_adamw_8bit": 2.1,
    "paged_adamw_32bit": 8.0,
    "adafactor": 0.1,
    "sgd": 0.0,
}


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """What one device holds at the worst moment, in bytes."""

    weights: int
    """Of the base, as they are loaded; of all that is trained where there is no adapter."""

    trained: int
    """Of the adapter and of layers trained whole, in 32 bits."""

    gradients: int
    optimiser: int
    activations: int
    """What a batch of the longest rows keeps there for the way back."""

    loss: int
    """Some logits at a time, and the gradients that begin there."""

    overhead: int
    """The driver or the process itself, a matrix unpacked, and gaps."""

    host: int = 0
    """What the machine's own memory holds beside it: paged optimisers, checkpointed hidden states."""

    @property
    def total(self) -> int:
        """All of it on the device."""
        held = self.weights + self.trained + self.gradients + self.optimiser
        return held + self.activations + self.loss + self.overhead


def device_of(machine: Machine) -> Device:
    """Say where a run on this machine computes."""
    return "gpu" if machine.gpus_of(gguf=False) else "cpu"


def free_memory(machine: Machine) -> int:
    """Give how many bytes are free on the device of one process."""
    gpus = machine.gpus_of(gguf=False)
    return gpus[0].free if gpus else machine.available


def training_memory(
    config: TrainingConfig,
    parameters: Parameters,
    shape: ModelShape,
    device: Device,
    longest: int | None = None,
) -> TrainingMemory:
    """Estimate what training takes on one device.

    `longest` is the longest row in tokens, None where that is not known: then rows are as long as
    they may be.
    """
    length = config.training.max_length
    if longest is not None and not config.training.packing:
        length = min(length, longest)
    tokens = config.training.per_device_train_batch_size * length
    number = _computed_bytes(config, device)
    weights = _weights(config, parameters, number)
    paged = config.training.optim.startswith("paged_") and device == "gpu"
    states = round(parameters.trainable * _OPTIMISER_BYTES[config.training.optim])
    residual = _residual_stream(config, shape, device, tokens)
    activations = _activations(config, parameters, shape, device, tokens)
    waiting = 0
    if _spares_gpu(config, device):
        # Only batches of more than half of the longest one's tokens leave their stream elsewhere.
        activations = max(activations - residual, activations // 2)
        waiting = residual
    # With padding, or rows end to end, attention has a mask of its own for each pair of tokens.
    activations += tokens * length * number
    unpacked = parameters.largest_matrix * number if config.quantization.bits else 0
    fixed = _CUDA_CONTEXT if device == "gpu" else _PROCESS
    if config.num_processes > 1:
        # Each process sends its gradients from a copy.
        fixed += parameters.trainable * _TRAINED_BYTES
    full = config.method == "full"
    return TrainingMemory(
        weights=weights,
        trained=0 if full else parameters.trainable * _TRAINED_BYTES,
        gradients=parameters.trainable * _TRAINED_BYTES,
        optimiser=0 if paged else states,
        activations=activations,
        loss=_loss(config, parameters, shape, tokens),
        overhead=fixed + unpacked + activations // 20,
        host=waiting + (states if paged else 0),
    )


def dtype_name(config: TrainingConfig, device: Device) -> str:
    """Give the number format that is computed in, as `auto` chooses it."""
    if config.training.dtype != "auto":
        return config.training.dtype
    return "bf16" if device == "gpu" else "fp32"


def _computed_bytes(config: TrainingConfig, device: Device) -> int:
    return 4 if dtype_name(config, device) == "fp32" else 2


def _weights(config: TrainingConfig, parameters: Parameters, number: int) -> int:
    if config.method == "full":
        return parameters.total * _MASTER_BYTES
    frozen = parameters.total - parameters.trainable
    if not config.quantization.bits:
        return frozen * number
    double = config.quantization.bnb_4bit_use_double_quant
    four = _4BIT_DOUBLE_BYTES if double else _4BIT_BYTES
    each = four if config.quantization.load_in_4bit else _8BIT_BYTES
    return round(parameters.quantised * each) + (frozen - parameters.quantised) * number


def _spares_gpu(config: TrainingConfig, device: Device) -> bool:
    """Say whether checkpointed hidden states wait in the machine's memory, as in `trainer.py`."""
    chosen = config.training
    laid_end_to_end = chosen.packing or chosen.padding_free
    return device == "gpu" and chosen.gradient_checkpointing and not laid_end_to_end


def _residual_stream(config: TrainingConfig, shape: ModelShape, device: Device, tokens: int) -> int:
    """Give what the inputs of all layers take."""
    return tokens * max(shape.layers, 1) * shape.hidden * _computed_bytes(config, device)


def _activations(
    config: TrainingConfig, parameters: Parameters, shape: ModelShape, device: Device, tokens: int
) -> int:
    """Give what is kept for the way back.

    Of each token, a layer keeps the inputs of its two norms in 32 bits, queries, keys, values and
    what attention gives, three vectors of the width of its feed-forward part, and the inputs of
    what is trained. With checkpointing, only the residual stream is kept of all layers, and all
    of one layer at a time.
    """
    number = _computed_bytes(config, device)
    layers = max(shape.layers, 1)
    norms = 2 * shape.hidden * 4
    attention = 2 * (shape.heads * shape.head_width + shape.key_width) * number
    feed_forward = 3 * shape.intermediate * number
    each = (
        norms + attention + feed_forward + _kept_inputs(config, parameters, shape, device) // layers
    )
    working = 4 * shape.intermediate * number
    last = shape.hidden * 8
    if config.training.gradient_checkpointing:
        return _residual_stream(config, shape, device, tokens) + tokens * (each + working + last)
    return tokens * (layers * each + working + last)


def _kept_inputs(
    config: TrainingConfig, parameters: Parameters, shape: ModelShape, device: Device
) -> int:
    """Give what all layers keep of one token as the inputs of what is trained."""
    number = _computed_bytes(config, device)
    if config.method == "full":
        inputs = (2 * shape.hidden + shape.intermediate) * number + 2 * shape.hidden * 4
        return inputs * shape.layers
    if config.lora.lora_dropout:
        # Each matrix has its own input dropped out, and remembers of what.
        return parameters.adapter_inputs * (number + (1 if device == "gpu" else 4))
    return parameters.adapter_inputs * number // 2


def _loss(config: TrainingConfig, parameters: Parameters, shape: ModelShape, tokens: int) -> int:
    at_once = min(tokens, max(_LEAST_TOKENS, LOGITS_AT_ONCE // max(shape.vocabulary, 1)))
    logits = round(at_once * shape.vocabulary * 4 * _LOGITS_COPIES)
    gradients = tokens * shape.hidden * 4
    alone = config.num_processes == 1 and not config.accelerate_config
    if not alone and (config.method == "full" or parameters.whole):
        # One process makes it where it stays, when activations are gone.
        gradients += shape.vocabulary * shape.hidden * 4
    return logits + gradients


def without_whole(parameters: Parameters) -> Parameters:
    """Give the count of the same adapter with no layer trained whole."""
    return dataclasses.replace(parameters, trainable=parameters.adapter, whole=0, original=0)
