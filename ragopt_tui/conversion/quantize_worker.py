"""The process that quantises: `python -m ragopt_tui.conversion.quantize_worker SPEC.json`.

llama.cpp can abort the process it runs in, so it has one of its own. SPEC holds `source`, `target`,
`file_type`, `threads`, `requantize` and `importance`: null, or a file of float32 values and
for each tensor its name, first value and number of values.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt


def main(arguments: list[str]) -> int:
    """Quantise as the specification says; gives llama.cpp's status, 0 for success."""
    spec = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = spec["file_type"]
    parameters.nthread = spec["threads"]
    parameters.allow_requantize = spec["requantize"]
    if spec["importance"]:
        # The values must live as long as llama.cpp reads them.
        entries, _values = _importance(spec["importance"])
        parameters.imatrix = entries
    source, target = spec["source"].encode(), spec["target"].encode()
    return int(llama_cpp.llama_model_quantize(source, target, ctypes.byref(parameters)))


def _importance(stored: dict[str, Any]) -> tuple[Any, npt.NDArray[np.float32]]:
    """Give a ctypes array that an empty entry ends, and the values that it points into."""
    values = np.fromfile(stored["file"], dtype=np.float32)
    entries = (llama_cpp.llama_model_imatrix_data * (len(stored["tensors"]) + 1))()
    for entry, (name, start, count) in zip(entries, stored["tensors"], strict=False):
        entry.name = name.encode()
        entry.data = values[start:].ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        entry.size = count
    return entries, values


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    # llama.cpp's log handler must not be called while Python ends.
    os._exit(0 if status == 0 else 1)
