"""Rows as llama.cpp's own quantiser rounds them, to compare a quantised file with exactly that.

The quantiser is deterministic: what was made of the same rows without an importance matrix is the
same bit for bit. One with an importance matrix rounds a little further away from the values.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize

from ragopt_tui.verification.structure.comparing import Rows

_ROWS = 32
_ROUNDED = frozenset("Q8_0 Q6_K Q5_K Q4_K Q3_K Q2_K Q5_0 Q5_1 Q4_0 Q4_1 IQ4_NL IQ4_XS".split())
"""Types whose quantiser accepts any finite values without an importance matrix."""


@dataclass(frozen=True, slots=True)
class Requantised:
    """A few rows of a child against those that llama.cpp makes of the parent's.

    `exact` is whether they are the same, `excess` how many times further from the parent's values
    the child's are than rounding puts them.
    """

    exact: bool
    excess: float


def requantised(expected: torch.Tensor, rows: Rows, kind: str) -> Requantised | None:
    """Compare some rows of a matrix; None for types that are not rounded so."""
    library = _library()
    if library is None or kind not in _ROUNDED or expected.dim() != 2 or not len(expected):
        return None
    count = min(_ROWS, len(expected))
    numbers = torch.linspace(0, len(expected) - 1, count).long()
    wanted = expected[numbers].float().contiguous()
    got = torch.cat([rows(int(n), int(n) + 1) for n in numbers])
    if not bool(torch.isfinite(wanted).all() & torch.isfinite(got).all()):
        return None
    rounded = _rounded(library, wanted.numpy(), GGMLQuantizationType[kind])
    usual = float((rounded - wanted).norm())
    actual = float((got - wanted).norm())
    exact = bool(torch.equal(rounded, got))
    return Requantised(exact, actual / usual if usual else (1.0 if exact else float("inf")))


def _rounded(
    library: ctypes.CDLL,
    values: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    kind: GGMLQuantizationType,
) -> torch.Tensor:
    count, width = values.shape
    block, size = GGML_QUANT_SIZES[kind]
    packed = np.empty((count, width // block * size), np.uint8)
    library.ggml_quantize_chunk(
        int(kind), values.ctypes.data, packed.ctypes.data, 0, count, width, None
    )
    return torch.from_numpy(np.array(dequantize(packed, kind), dtype=np.float32))


@functools.cache
def _library() -> ctypes.CDLL | None:
    """Find ggml's arithmetic among the runtime's libraries; None where it is built otherwise."""
    found = importlib.util.find_spec("llama_cpp")
    if found is None or found.origin is None:
        return None
    for name in ("libggml-base.so", "libggml-base.dylib"):
        file = Path(found.origin).parent / "lib" / name
        if not file.is_file():
            continue
        try:
            library = ctypes.CDLL(str(file))
            function = library.ggml_quantize_chunk
        except (OSError, AttributeError):
            return None
        long, pointer = ctypes.c_int64, ctypes.c_void_p
        function.argtypes = [ctypes.c_int, pointer, pointer, long, long, long, pointer]
        function.restype = ctypes.c_size_t
        return library
    return None
