"""Headers that are damaged or lie are told by what is wrong with them."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.gguf_header import GgufTensor, read_gguf, read_gguf_header
from ragopt_tui.models.safetensors_header import read_safetensors_header
from tests.models.tiny_models import base_folder, gguf_file


def _whole_files() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as place:
        gguf = gguf_file(Path(place, "x.gguf")).read_bytes()
        folder = base_folder(Path(place, "x"))
        return {"gguf": gguf, "safetensors": (folder / "model.safetensors").read_bytes()}


_WHOLE = _whole_files()


def safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(dtype: str, shape: list[int], start: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_the_tensors_of_a_safetensors_file_are_those_of_its_own_library(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    values = {"b": numpy.arange(6, dtype=numpy.float32).reshape(2, 3), "a": numpy.ones(4, "u1")}
    save_file(values, file, {"made": "here"})
    header = read_safetensors_header(file)
    with safe_open(file, "numpy") as known:
        assert set(header.tensors) == set(known.keys())
    data = file.read_bytes()
    for name, stored in header.tensors.items():
        assert stored.shape == values[name].shape
        assert data[stored.start : stored.end] == values[name].tobytes()
    assert header.metadata == {"made": "here"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "ends within its header"),
        (b"\x08\x00", "ends within its header"),
        (safetensors(b"", length=1 << 60), "ends within its header"),
        (safetensors({}, length=50), "ends within its header"),
        (safetensors(b"[1]"), "header is damaged"),
        (safetensors(b"{oops"), "is not a usable safetensors file"),
        (safetensors({"a": 3}), "header is damaged"),
        (safetensors({"a": tensor("F32", [2], 0, 8)}, b"1234"), "of the .* bytes that its header"),
        (safetensors({"a": tensor("F32", [1], 0, 4)}, b"12345"), "1 bytes more than its header"),
        (safetensors({"a": tensor("F32", [9], 0, 4)}, b"1234"), "does not follow from its shape"),
        (safetensors({"a": tensor("F32", [-1], 4, 0)}), "does not follow from its shape"),
        (safetensors({"a": tensor("F31", [1], 0, 4)}, b"1234"), "unknown number format 'F31'"),
        (
            safetensors({"a": tensor("U8", [4], 0, 4), "b": tensor("U8", [4], 2, 6)}, b"123456"),
            "'b' do not follow",
        ),
    ],
)
def test_a_damaged_safetensors_file_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    file = tmp_path / "bad.safetensors"
    file.write_bytes(content)
    with pytest.raises(RagoptError, match=reason) as raised:
        read_safetensors_header(file)
    assert "bad.safetensors" in raised.value.message


def test_a_cut_off_safetensors_file_says_how_much_is_missing(tmp_path: Path) -> None:
    file = base_folder(tmp_path / "m") / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    with pytest.raises(RagoptError, match=rf"{len(whole) - 100:,} of the {len(whole):,} bytes"):
        read_safetensors_header(file)


def test_a_gguf_header_gives_keys_tensors_and_the_vocabulary(tmp_path: Path) -> None:
    file = gguf_file(tmp_path / "m.gguf", value=2.0)
    header = read_gguf(file)
    assert header.values["general.architecture"] == "llama"
    assert header.values == read_gguf_header(file)
    assert header.lengths["tokenizer.ggml.tokens"] == 4
    norm = header.tensors["blk.0.attn_norm.weight"]
    assert (norm.shape, norm.type.name) == ((8,), "F32")
    stored = file.read_bytes()[norm.start : norm.start + norm.size]
    assert stored == numpy.full(8, 2.0, numpy.float32).tobytes()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_is_told_in_a_sentence_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(("gguf", "safetensors")))
    whole = _WHOLE[kind]
    at = data.draw(st.integers(0, len(whole) - 1))
    new = data.draw(st.binary(max_size=12))
    file = tmp_path / f"x.{kind}"
    file.write_bytes(whole[:at] + new + whole[at + len(new) :][: data.draw(st.integers(0, 5000))])
    read = read_gguf if kind == "gguf" else read_safetensors_header
    size = file.stat().st_size
    problem, tensors = str(file), {}
    try:
        tensors = read(file).tensors
    except RagoptError as error:
        problem = error.message
    assert str(file) in problem
    for tensor in tensors.values():
        end = tensor.start + tensor.size if isinstance(tensor, GgufTensor) else tensor.end
        assert tensor.start <= end <= size


def lying(at: int, value: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + struct.pack("<Q", value) + data[at + 8 :]


def with_offset(value: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        name = b"blk.0.attn_q.weight"
        at = data.index(name) + len(name) + 4 + 2 * 8 + 4
        return data[:at] + struct.pack("<Q", value) + data[at + 8 :]

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[:150], "ends within its header"),
        (lambda data: data[:-20], r"puts 'blk.0.attn_q.weight' at bytes .* the file has"),
        (lambda data: b"GGUF" + struct.pack("<I", 9) + data[8:], "format version 9"),
        (lying(8, 1 << 50), "promises .* tensors, more than the file can hold"),
        (lying(16, 1 << 50), "promises .* keys, more than the file can hold"),
        (lying(24, 1 << 62), "ends within its header"),
        (with_offset(1 << 40), "puts 'blk.0.attn_q.weight' at bytes"),
        (with_offset(0), "over the bytes of"),
    ],
)
def test_a_gguf_with_a_lying_header_is_refused_with_the_lie(
    tmp_path: Path, change: Callable[[bytes], bytes], reason: str
) -> None:
    file = gguf_file(tmp_path / "m.gguf")
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(RagoptError, match=reason) as raised:
        read_gguf(file)
    assert "m.gguf" in raised.value.message
