"""Whether a model fits: what it needs in memory, what this machine has, and smaller choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.generation_settings import Precision
from ragopt_tui.models.machine import Machine
from ragopt_tui.models.model_files import ModelFiles
from ragopt_tui.models.model_shape import ModelShape, shape_of_folder, shape_of_gguf
from ragopt_tui.models.weights import adapter_bytes, folder_weights, gguf_bytes, gguf_headers

PROMPT_CHUNK = 256
"""How many tokens of a prompt transformers is given at once."""

LLAMA_CPP_BATCH = 512
"""How many tokens of a prompt llama.cpp is given at once."""

SMALLEST_CONTEXT = 2048
"""A smaller context is not proposed: passages of documents would hardly fit."""

_CUDA_CONTEXT = 670 << 20
_PROCESSOR_BUFFERS = 64 << 20
_CACHED_NUMBER_OF_LLAMA_CPP = 2


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What a loaded model takes at the end of a full context, in bytes."""

    weights: int
    cache: int
    """Keys and values of the context."""

    overhead: int
    """What is computed with, and what the GPU's driver takes."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.overhead


@dataclass(frozen=True, slots=True)
class ModelMeasures:
    """What the need of memory follows from, for a model in one precision on one machine."""

    shape: ModelShape
    gguf: bool
    weights: int
    number_bytes: int
    """Of a number that is computed with, and of one of the cache."""

    fixed: int
    has: int
    """How many bytes are free where the model would be loaded."""

    def need(self, context_tokens: int) -> MemoryNeed:
        """Give what it takes with that context, or with the model's own where that is less."""
        tokens = self.limited(context_tokens)
        computed = (_llama_cpp_buffers if self.gguf else _transformers_buffers)(self.shape, tokens)
        cached = _CACHED_NUMBER_OF_LLAMA_CPP if self.gguf else self.number_bytes
        cache = self.shape.cached_numbers(tokens) * cached
        # The cache of transformers grows by being copied, and PyTorch keeps gaps between the copies.
        gaps = 0 if self.gguf else cache // 4
        return MemoryNeed(self.weights, cache, self.fixed + gaps + computed * self.number_bytes)

    def fits(self, context_tokens: int) -> bool:
        """Whether it fits with that context."""
        return self.need(context_tokens).total <= self.has

    def fitting_context(self, context_tokens: int) -> int:
        """Give the largest of `context_tokens`, its half, its quarter … that fits; 0 if none."""
        tokens = self.limited(context_tokens)
        while not self.fits(tokens):
            if tokens <= SMALLEST_CONTEXT:
                return 0
            tokens = max(tokens // 2, SMALLEST_CONTEXT)
        return tokens

    def limited(self, context_tokens: int) -> int:
        """Give the context, or the model's own where that is less."""
        return min(context_tokens, self.shape.context_tokens or context_tokens)

    def layers_on_gpu(self, context_tokens: int, machine: Machine) -> int:
        """Give how many layers of a GGUF model have room on the GPUs; -1 for all of it."""
        free = sum(gpu.free for gpu in machine.gpus_of(gguf=True))
        need = self.need(context_tokens)
        if need.total <= free:
            return -1
        each = (need.weights + need.cache) / max(self.shape.layers, 1)
        return max(0, min(self.shape.layers, int((free - need.overhead) // each)))


@dataclass(frozen=True, slots=True)
class SmallerChoice:
    """A setting with which a model would fit, and what it then needs in bytes."""

    setting: Literal["precision", "context_tokens"]
    value: str
    need: int


def measured(files: ModelFiles, precision: Precision, machine: Machine) -> ModelMeasures:
    """Measure a model by the headers of its files.

    Raises RagoptError if they are not usable or do not say how large it is.
    """
    return _measured_gguf(files, machine) if files.gguf else _measured(files, precision, machine)


def check_fits(
    name: str, files: ModelFiles, context_tokens: int, precision: Precision, machine: Machine
) -> None:
    """Raise RagoptError, with what is needed, had and possible, if a model does not fit."""
    measures = measured(files, precision, machine)
    need, tokens = measures.need(context_tokens), measures.limited(context_tokens)
    if need.total <= measures.has:
        return
    where = "GPU memory" if machine.gpus_of(files.gguf) else "memory"
    raise RagoptError(
        f"{name} does not fit: it needs {size_text(need.total)} ({size_text(need.weights)} weights, "
        f"{size_text(need.cache)} for {tokens:,} tokens of context), "
        f"{size_text(measures.has)} of {where} are free.",
        _hint(smaller_choices(files, context_tokens, precision, machine)),
    )


def smaller_choices(
    files: ModelFiles, context_tokens: int, precision: Precision, machine: Machine
) -> list[SmallerChoice]:
    """Give the settings, nearest first, with which a model that does not fit would."""
    choices: list[SmallerChoice] = []
    for smaller in () if files.gguf else _smaller(precision):
        measures = measured(files, smaller, machine)
        if measures.fits(context_tokens):
            need = measures.need(context_tokens).total
            choices.append(SmallerChoice("precision", smaller, need))
    measures = measured(files, precision, machine)
    tokens = measures.fitting_context(context_tokens)
    if tokens:
        choices.append(SmallerChoice("context_tokens", str(tokens), measures.need(tokens).total))
    return choices


def size_text(size: int) -> str:
    """Write a number of bytes as people do, in GB, MB or kB of 1000."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def _measured(files: ModelFiles, precision: Precision, machine: Machine) -> ModelMeasures:
    shape = shape_of_folder(files.base)
    gpus = machine.gpus_of(gguf=False)
    loaded = folder_weights(
        files.base,
        precision,
        on_gpu=bool(gpus),
        fast_bfloat16=machine.fast_bfloat16,
        tied_head=shape.tied_head,
    )
    weights = loaded.bytes
    if files.adapter:
        # On quantised matrices, PEFT keeps what it adds in float32.
        weights += adapter_bytes(files.adapter, 4 if loaded.quantised else loaded.number_bytes)
    unpacked = loaded.largest_quantised * loaded.number_bytes
    fixed = (_CUDA_CONTEXT * len(gpus) if gpus else _PROCESSOR_BUFFERS) + unpacked
    has = sum(gpu.free for gpu in gpus) if gpus else machine.available
    return ModelMeasures(shape, False, weights, loaded.number_bytes, fixed, has)


def _measured_gguf(files: ModelFiles, machine: Machine) -> ModelMeasures:
    try:
        shape = shape_of_gguf(gguf_headers(files.base)[0])
    except ValueError as error:
        raise RagoptError(
            f"{files.base} does not say how large the model is: {error}.",
            "Fetch or convert it again.",
        ) from error
    weights = gguf_bytes(files.base) + (gguf_bytes(files.adapter) if files.adapter else 0)
    gpus = machine.gpus_of(gguf=True)
    fixed = _CUDA_CONTEXT * len(gpus) if gpus else _PROCESSOR_BUFFERS
    # Layers that have no room on the GPU are left to the processor.
    has = sum(gpu.free for gpu in gpus) + machine.available
    return ModelMeasures(shape, True, weights, 4, fixed, has)


def _transformers_buffers(shape: ModelShape, tokens: int) -> int:
    """Give how many numbers transformers holds at most at once while it reads a prompt.

    It repeats the keys and values of a layer for all heads where these share them, and copies the
    keys to append to them.
    """
    attention = shape.key_width * tokens
    if shape.heads * shape.head_width > shape.key_width:
        attention += 2 * shape.heads * shape.head_width * tokens
    chunk = PROMPT_CHUNK * (3 * shape.intermediate + 6 * shape.hidden)
    return attention + chunk + 3 * shape.vocabulary


def _llama_cpp_buffers(shape: ModelShape, tokens: int) -> int:
    """Give how many numbers llama.cpp holds: attention of a batch to the context, and its mask."""
    widest = max(tokens * (shape.heads + 1), shape.vocabulary)
    return LLAMA_CPP_BATCH * (widest + 4 * shape.hidden)


def _smaller(precision: Precision) -> tuple[Precision, ...]:
    if precision == "nf4":
        return ()
    return ("nf4",) if precision == "int8" else ("int8", "nf4")


def _hint(choices: list[SmallerChoice]) -> str:
    if not choices:
        return "Choose a smaller model or quantisation, or free memory."
    told = [f"{c.setting} {c.value} (needs {size_text(c.need)})" for c in choices]
    return f"Smaller options: {', '.join(told)}; or a smaller model."
