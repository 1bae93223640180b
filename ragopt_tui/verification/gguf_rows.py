"""Rows of the tensors of a GGUF file, read into memory of their own.

Pages of a mapped file count as memory of the process that looks at them, for as long as it lives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import ReaderTensor


def stored_rows(file: Path, tensor: ReaderTensor, start: int, stop: int) -> npt.NDArray[Any]:
    """Give what `tensor.data[start:stop]` is, of a tensor in `file`.

    Raises OSError, or ValueError where the file ends too soon.
    """
    data = tensor.data
    count = min(stop, len(data)) - start
    offset = tensor.data_offset + start * (data.nbytes // len(data))
    values = np.fromfile(file, data.dtype, count * (data.size // len(data)), offset=offset)
    return values.reshape(count, *data.shape[1:])
