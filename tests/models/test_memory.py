from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.gguf_header import read_gguf
from ragopt_tui.models.machine import Gpu, Machine, fast_bfloat16
from ragopt_tui.models.memory import check_fits, measured, smaller_choices
from ragopt_tui.models.model_files import ModelFiles
from ragopt_tui.models.model_shape import shape_of_folder, shape_of_gguf
from ragopt_tui.models.variant import builtin_variants
from tests.chat.backend_checks import load
from tests.models.tiny_models import adapter_folder

GB = 1_000_000_000
PATHS = {variant.id: variant.path for variant in builtin_variants()}
SMALL = Machine(total=16 * GB, available=12 * GB)
MISTRAL = {
    "architectures": ["MistralForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 32768,
    "max_position_embeddings": 32768,
    "dtype": "bfloat16",
}


def path(variant: str) -> Path:
    found = PATHS[variant]
    assert found is not None
    return found


def with_gpu(free: int) -> Machine:
    gpu = Gpu("GPU", 24 * GB, free)
    return Machine(64 * GB, 50 * GB, (gpu,), transformers_on_gpu=True, llama_cpp_on_gpu=True)


def mistral(folder: Path) -> ModelFiles:
    """Write the config and the headers of a 7B model; its weights are a hole in the file."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(MISTRAL))
    shapes = {"model.embed_tokens.weight": (32768, 4096), "lm_head.weight": (32768, 4096)}
    for layer in range(32):
        start = f"model.layers.{layer}"
        for name, rows, columns in (
            ("self_attn.q_proj", 4096, 4096),
            ("self_attn.k_proj", 1024, 4096),
            ("self_attn.v_proj", 1024, 4096),
            ("self_attn.o_proj", 4096, 4096),
            ("mlp.gate_proj", 14336, 4096),
            ("mlp.up_proj", 14336, 4096),
            ("mlp.down_proj", 4096, 14336),
        ):
            shapes[f"{start}.{name}.weight"] = (rows, columns)
        shapes[f"{start}.input_layernorm.weight"] = (4096, 1)
    write_hollow(folder / "model.safetensors", shapes)
    return ModelFiles(folder)


def write_hollow(file: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    header: dict[str, Any] = {}
    at = 0
    for name, shape in shapes.items():
        end = at + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    with file.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + at)


def test_both_formats_of_the_builtin_model_have_one_shape() -> None:
    folder = shape_of_folder(path("builtin"))
    gguf = shape_of_gguf(read_gguf(path("builtin-q8_0")))
    assert folder == gguf
    assert (folder.layers, folder.key_width, folder.context_tokens) == (8, 4 * 64, 2048)


@pytest.mark.parametrize("precision", ["bf16", "fp32", "int8", "nf4"])
def test_the_estimate_of_weights_and_cache_is_what_is_then_in_memory(precision: Any) -> None:
    files = ModelFiles(path("builtin"))
    estimate = measured(files, precision, replace(SMALL, fast_bfloat16=fast_bfloat16()))
    backend: Any = load(
        next(v for v in builtin_variants() if v.id == "builtin"), precision=precision
    )
    loaded = 0
    for parameter in backend._model.parameters():
        loaded += parameter.numel() * parameter.element_size()
        state = getattr(parameter, "quant_state", None)
        loaded += sum(t.numel() * t.element_size() for t in tensors_of(state)) if state else 0
    assert estimate.weights == pytest.approx(loaded, rel=0.02)
    prompt = [{"role": "user", "content": "word " * 600}]
    list(backend.stream(prompt, 2, lambda: False))
    kept = sum(
        part.numel() * part.element_size()
        for layer in backend._cache.layers
        for part in (layer.keys, layer.values)
    )
    assert estimate.need(len(backend._cached)).cache == kept
    backend.close()


def tensors_of(state: Any) -> list[Any]:
    parts = [state.absmax, *(tensors_of(state.state2) if state.nested else [])]
    return [each for each in parts if each is not None]


def test_a_7b_model_needs_what_is_known_of_it(tmp_path: Path) -> None:
    files = mistral(tmp_path / "mistral")
    bf16 = measured(files, "bf16", with_gpu(24 * GB))
    nf4 = measured(files, "nf4", with_gpu(24 * GB))
    assert bf16.weights == pytest.approx(14.5 * GB, rel=0.01)
    assert nf4.weights == pytest.approx(4.1 * GB, rel=0.02)
    assert bf16.need(16384).cache == 2 * 32 * 1024 * 16384 * 2
    assert bf16.need(100_000) == bf16.need(32768)
    assert bf16.fits(2048)
    assert not measured(files, "fp32", with_gpu(24 * GB)).fits(2048)


def test_what_does_not_fit_says_need_have_and_smaller_options(tmp_path: Path) -> None:
    files = mistral(tmp_path / "mistral")
    with pytest.raises(RagoptError) as refused:
        check_fits("Mistral", files, 16384, "bf16", with_gpu(12 * GB))
    assert refused.value.message.startswith("Mistral does not fit: it needs 1")
    assert "12.0 GB of GPU memory are free" in refused.value.message
    assert refused.value.hint.startswith("Smaller options: precision int8 (needs ")
    chosen = smaller_choices(files, 16384, "int8", with_gpu(9 * GB))
    assert [choice.setting for choice in chosen] == ["precision", "context_tokens"]
    assert chosen[0].value == "nf4"
    assert 2048 <= int(chosen[1].value) < 16384
    assert all(choice.need <= 9 * GB for choice in chosen)
    assert smaller_choices(files, 16384, "nf4", with_gpu(3 * GB)) == []
    check_fits("Mistral", files, 16384, "nf4", with_gpu(10 * GB))


def test_an_adapter_adds_its_layers_and_its_trained_head(tmp_path: Path) -> None:
    files = mistral(tmp_path / "mistral")
    adapter = adapter_folder(tmp_path / "lora", "mistral")
    base, both = (
        measured(files, "bf16", SMALL),
        measured(ModelFiles(files.base, adapter), "bf16", SMALL),
    )
    numbers = 2 * (4 * 8 + 8 * 4) + 2 * (4 * 16 + 8 * 4) + 32 * 8
    assert both.weights - base.weights == 2 * numbers


def test_layers_of_a_gguf_model_go_to_the_gpu_as_far_as_there_is_room() -> None:
    files = ModelFiles(path("builtin-q8_0"))
    whole = measured(files, "auto", with_gpu(24 * GB))
    assert whole.layers_on_gpu(2048, with_gpu(24 * GB)) == -1
    tight = with_gpu(whole.need(2048).total - 12_000_000)
    assert 0 < whole.layers_on_gpu(2048, tight) < 8
    assert whole.layers_on_gpu(2048, with_gpu(1000)) == 0


def test_layers_with_a_window_or_without_cache_keep_less(tmp_path: Path) -> None:
    layered = MISTRAL | {
        "num_hidden_layers": 3,
        "sliding_window": 512,
        "layer_types": ["sliding_attention", "full_attention", "linear_attention"],
    }
    (tmp_path / "config.json").write_text(json.dumps({"text_config": layered}))
    shape = shape_of_folder(tmp_path)
    assert shape.cached_numbers(4096) == (512 + 4096) * 2 * 1024
    (tmp_path / "config.json").write_text(json.dumps(MISTRAL | {"num_attention_heads": None}))
    with pytest.raises(RagoptError, match="does not say how large the model is"):
        shape_of_folder(tmp_path)
