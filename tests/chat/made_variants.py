"""The built-in model in other formats, adapters for it, and a server of it, made for tests."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import llama_cpp
import torch
from gguf import GGUFReader, GGUFWriter
from peft import LoraConfig, get_peft_model
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM

from ragopt_tui.models.gguf_header import read_gguf
from ragopt_tui.models.variant import Variant, builtin_variants

BUILTIN = {variant.id: variant for variant in builtin_variants()}
SECONDS_TO_START = 60


def path_of(variant: Variant) -> Path:
    assert variant.path is not None
    return variant.path


FOLDER = path_of(BUILTIN["builtin"])
GGUF = path_of(BUILTIN["builtin-q8_0"])
# Modules whose rows the conversion to GGUF leaves in their order.
_MODULES = {
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.down_proj": "ffn_down",
}
_LAYER = re.compile(r"base_model\.model\.model\.layers\.(\d+)\.(\w+\.\w+)\.lora_([AB])\.weight")


def f16_gguf(file: Path) -> Path:
    """Write the built-in GGUF model with numbers of 16 bits."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_F16
    params.allow_requantize = True
    params.nthread = 1
    assert llama_cpp.llama_model_quantize(str(GGUF).encode(), str(file).encode(), params) == 0
    return file


def random_adapter(
    folder: Path, seed: int, *, strength: float = 1.0, swapped_digits: str = ""
) -> Path:
    """Write a PEFT adapter of random numbers; with a head that says one digit for another."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32)
    config = LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=[name.partition(".")[2] for name in _MODULES],
        modules_to_save=["lm_head"] if swapped_digits else None,
        init_lora_weights=bool(swapped_digits),
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, config)
    if swapped_digits:
        from transformers import AutoTokenizer

        one, other = AutoTokenizer.from_pretrained(FOLDER).convert_tokens_to_ids([*swapped_digits])
        head = adapted.base_model.model.lm_head.modules_to_save["default"].weight.data
        head[[one, other]] = head[[other, one]]
    for name, values in adapted.named_parameters():
        if "lora_B" in name:
            values.data *= strength
    adapted.save_pretrained(folder)
    return folder


def gguf_adapter(peft_adapter: Path, file: Path) -> Path:
    """Write the layers of a PEFT adapter as a GGUF adapter."""
    tensors = load_file(peft_adapter / "adapter_model.safetensors")
    writer = GGUFWriter(file, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    for name, values in tensors.items():
        found = _LAYER.fullmatch(name)
        assert found
        layer, module, part = found.groups()
        writer.add_tensor(f"blk.{layer}.{_MODULES[module]}.weight.lora_{part.lower()}", values)
    _write(writer)
    return file


@contextlib.contextmanager
def server(file: Path, context_tokens: int = 2048, key: str = "") -> Iterator[str]:
    """Run llama-cpp-python's own server of a GGUF file; gives its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(file)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--n_ctx", str(context_tokens)]
    command += ["--n_threads", "1", "--n_threads_batch", "1", "--model_alias", "small"]
    process = subprocess.Popen(
        [*command, *(["--api_key", key] if key else [])],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OTEL_SDK_DISABLED": "true"},
    )
    try:
        _wait_until_it_listens(port, process)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        with contextlib.suppress(ConnectionError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < deadline, "the server does not listen"
        time.sleep(0.05)


def split_gguf(folder: Path) -> Path:
    """Write the built-in GGUF model in two parts; gives the first."""
    reader = GGUFReader(GGUF)
    tensors = list(reader.tensors)
    parts = [folder / f"split-{number:05d}-of-00002.gguf" for number in (1, 2)]
    for number, part in enumerate(parts):
        writer = GGUFWriter(part, "llama")
        for field in reader.fields.values() if number == 0 else ():
            if not field.name.startswith("GGUF.") and field.name != "general.architecture":
                inner = field.types[-1] if len(field.types) > 1 else None
                writer.add_key_value(field.name, field.contents(), field.types[0], inner)
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", len(parts))
        writer.add_int32("split.tensors.count", len(tensors))
        for tensor in tensors[number :: len(parts)]:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        _write(writer)
    return parts[0]


def gguf_with_a_token_twice(file: Path) -> Path:
    """Write the built-in GGUF model with one token's text in another's place as well."""
    data = GGUF.read_bytes()
    once, other = (_stored(text) for text in ("▁business", "▁activity"))
    assert once in data
    assert data.count(other) == 1
    file.write_bytes(data.replace(other, once))
    return file


def gguf_with_nan(file: Path) -> Path:
    """Write the built-in GGUF model with one scale of a matrix that is no number."""
    data = bytearray(GGUF.read_bytes())
    start = read_gguf(GGUF).tensors["blk.0.ffn_down.weight"].start
    data[start : start + 2] = b"\x00\x7e"
    file.write_bytes(data)
    return file


def _write(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _stored(text: str) -> bytes:
    """Give a string as GGUF stores it."""
    return len(text.encode()).to_bytes(8, "little") + text.encode()
