"""Tensors of a GGUF file are read as they are stored, and leave no pages of it in memory."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter
from gguf.quants import quantize

from ragopt_tui.verification.gguf_rows import stored_rows
from ragopt_tui.verification.structure.sources import GgufTensors

KINDS = ("F32", "F16", "BF16", "Q8_0", "Q4_0")


def written(file: Path, rows: int, width: int, *kinds: str) -> Path:
    """Write a GGUF file with a matrix of each kind, and a vector."""
    writer = GGUFWriter(file, "llama")
    values = np.random.default_rng(3).normal(size=(rows, width)).astype(np.float32)
    for kind in kinds:
        stored = quantize(values, GGMLQuantizationType[kind])
        dtype = None if kind in ("F32", "F16") else GGMLQuantizationType[kind]
        writer.add_tensor(f"{kind}.weight", stored, raw_dtype=dtype)
    writer.add_tensor("norm.weight", values[0])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def test_rows_are_those_of_the_file(tmp_path: Path) -> None:
    file = written(tmp_path / "small.gguf", 12, 64, *KINDS)
    tensors = GGUFReader(file).tensors
    assert [tensor.name for tensor in tensors] == [
        *(f"{kind}.weight" for kind in KINDS),
        "norm.weight",
    ]
    for tensor in tensors:
        assert np.array_equal(stored_rows(file, tensor, 3, 8), tensor.data[3:8])
        assert np.array_equal(stored_rows(file, tensor, 10, 99), tensor.data[10:99])


def test_a_file_that_ends_too_soon_is_not_read_as_zeros(tmp_path: Path) -> None:
    file = written(tmp_path / "small.gguf", 12, 64, "F32")
    tensor = GGUFReader(file).tensors[0]
    with file.open("rb+") as stream:
        stream.truncate(tensor.data_offset + 100)
    with pytest.raises(ValueError, match="reshape"):
        stored_rows(file, tensor, 0, 12)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_was_read_leaves_memory(tmp_path: Path) -> None:
    file = written(tmp_path / "large.gguf", 2048, 4096, "F16")
    tensors = GgufTensors(file)
    assert tensors.read("F16.weight").shape == (2048, 4096)
    kept = 0
    mapped = re.split(r"\n(?=[0-9a-f]+-)", Path("/proc/self/smaps").read_text())
    for part in mapped:
        if str(file) in part:
            kept += int(re.search(r"^Rss:\s+(\d+) kB", part, re.M)[1])  # type: ignore[index]
    assert kept < 1024
