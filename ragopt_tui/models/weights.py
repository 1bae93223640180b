"""How many bytes the weights of a model take once loaded, from the headers of its files."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from pathlib import Path

from ragopt_tui.models.generation_settings import Precision
from ragopt_tui.models.gguf_header import GgufHeader, read_gguf
from ragopt_tui.models.inspection import read_json
from ragopt_tui.models.inspection_adapter import ADAPTER_WEIGHTS
from ragopt_tui.models.inspection_folder import stored_tensors, weight_files
from ragopt_tui.models.inspection_gguf import gguf_parts
from ragopt_tui.models.safetensors_header import StoredTensor, read_safetensors_header

NUMBER_BYTES = {"bf16": 2, "fp16": 2, "fp32": 4}
# Of 64 numbers, 32 bytes and one for their scale; of 256 scales, 4 bytes for theirs.
_NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
_INT8_BYTES_PER_ROW = 4
_STORED_AS = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}
_KEPT_WHOLE = re.compile(r"embed|\bwte\b|\bwpe\b|lm_head|output_layer|embed_out|\bshared\b")
_HEADERS_KEPT = 16


@dataclass(frozen=True, slots=True)
class LoadedWeights:
    """What weights take in memory, in bytes; `number_bytes` is the format that is computed in."""

    bytes: int
    largest_quantised: int
    """How many numbers the largest quantised matrix has, which is unpacked to be multiplied."""

    number_bytes: int
    quantised: bool


def folder_weights(
    folder: Path, precision: Precision, *, on_gpu: bool, fast_bfloat16: bool, tied_head: bool
) -> LoadedWeights:
    """Give what the weights of a Hugging Face folder take in that precision.

    Raises RagoptError if a file is not usable.
    """
    config = read_json(folder / "config.json")
    config |= config.get("text_config") or {}
    stored = _STORED_AS.get(str(config.get("dtype") or config.get("torch_dtype")), "bf16")
    computed = stored if on_gpu or (stored == "bf16" and fast_bfloat16) else "fp32"
    number_bytes = NUMBER_BYTES[precision if precision in NUMBER_BYTES else computed]
    tensors = stored_tensors(weight_files(folder))
    if tied_head:
        tensors.pop("lm_head.weight", None)
    if config.get("quantization_config"):
        size = sum(tensor.end - tensor.start for tensor in tensors.values())
        return LoadedWeights(size, 0, number_bytes, True)
    size = sum(_loaded_bytes(name, t, precision, number_bytes) for name, t in tensors.items())
    packed = [t.count for name, t in tensors.items() if _is_quantised(name, t, precision)]
    return LoadedWeights(size, max(packed, default=0), number_bytes, bool(packed))


def adapter_bytes(adapter: Path, number_bytes: int) -> int:
    """Give what a PEFT adapter takes: its layers, and its own copy of modules trained whole."""
    tensors = read_safetensors_header(adapter / ADAPTER_WEIGHTS).tensors.values()
    return sum(tensor.count for tensor in tensors) * number_bytes


def gguf_headers(file: Path) -> list[GgufHeader]:
    """Read the header of a GGUF file, and those of all parts where it is split, the first first."""
    return [
        _header(part, part.stat().st_mtime_ns, part.stat().st_size) for part in gguf_parts(file)
    ]


def gguf_bytes(file: Path) -> int:
    """Give the bytes of all tensors of a GGUF file."""
    return sum(t.size for header in gguf_headers(file) for t in header.tensors.values())


@functools.lru_cache(maxsize=_HEADERS_KEPT)
def _header(file: Path, _written: int, _size: int) -> GgufHeader:
    """Read a header once: with a large vocabulary that takes a tenth of a second."""
    return read_gguf(file)


def _is_quantised(name: str, tensor: StoredTensor, precision: Precision) -> bool:
    matrix = len(tensor.shape) == 2 and name.endswith(".weight")
    return precision in ("int8", "nf4") and matrix and not _KEPT_WHOLE.search(name)


def _loaded_bytes(name: str, tensor: StoredTensor, precision: Precision, number_bytes: int) -> int:
    if not _is_quantised(name, tensor, precision):
        return tensor.count * number_bytes
    if precision == "nf4":
        return math.ceil(tensor.count * _NF4_BYTES)
    return tensor.count + tensor.shape[0] * _INT8_BYTES_PER_ROW
