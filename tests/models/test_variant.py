from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.gguf_header import read_gguf_header
from ragopt_tui.models.variant import builtin_variants, resolve_variant


def model_folder(folder: Path, architecture: str = "MistralForCausalLM") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    (folder / "model.safetensors").write_bytes(b"")
    (folder / "tokenizer.json").write_text("{}")
    return folder


def test_the_builtin_variants_are_there_and_resolve_by_id() -> None:
    variants = builtin_variants()
    assert [v.id for v in variants] == ["quotes", "builtin", "builtin-q8_0"]
    assert all(v.path is None or v.path.exists() for v in variants)
    assert [resolve_variant(v.id) for v in variants] == variants


def test_a_folder_and_a_gguf_file_are_variants(tmp_path: Path) -> None:
    folder = resolve_variant(str(model_folder(tmp_path / "my-model")))
    assert (folder.kind, folder.name, folder.builtin) == ("base", "my-model", False)
    file = tmp_path / "small.gguf"
    file.write_bytes(b"GGUF")
    assert resolve_variant(str(file)).kind == "gguf"
    assert resolve_variant(str(file)).id == str(file)


def test_an_unknown_name_says_what_was_looked_for_and_what_is_near() -> None:
    with pytest.raises(RagoptError) as raised:
        resolve_variant("builtin-q8")
    assert "'builtin-q8'" in raised.value.message
    assert "builtin-q8_0" in raised.value.hint


def test_pickled_weights_are_refused_with_the_reason(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "old")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(RagoptError, match="only pickled weights, which can run code"):
        resolve_variant(str(folder))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: (f / "config.json").unlink(), "no config.json"),
        (lambda f: (f / "config.json").write_text("{"), "config.json cannot be read"),
        (lambda f: (f / "config.json").write_text("[]"), "holds no JSON object"),
        (lambda f: (f / "model.safetensors").unlink(), "has no weights"),
        (lambda f: (f / "tokenizer.json").unlink(), "has no tokenizer"),
        (lambda f: model_folder(f, "BertModel"), "BertModel, which does not write text"),
        (
            lambda f: (f / "model.safetensors.index.json").write_text(
                '{"weight_map": {"a": "model-00001-of-00002.safetensors"}}'
            ),
            "lacks model-00001-of-00002",
        ),
        (
            lambda f: (f / "config.json").rename(f / "adapter_config.json"),
            "adapter without its base model",
        ),
    ],
)
def test_a_folder_that_cannot_answer_is_refused(
    tmp_path: Path, change: object, reason: str
) -> None:
    folder = model_folder(tmp_path / "broken")
    assert callable(change)
    change(folder)
    with pytest.raises(RagoptError, match=reason):
        resolve_variant(str(folder))


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "model.txt"
    text.write_text("GGUF")
    with pytest.raises(RagoptError, match="is not a model"):
        resolve_variant(str(text))
    page = tmp_path / "model.gguf"
    page.write_text("<html>404</html>")
    with pytest.raises(RagoptError, match="is not a GGUF file"):
        resolve_variant(str(page))


def test_the_gguf_header_is_read_and_damage_is_named(tmp_path: Path) -> None:
    file = resolve_variant("builtin-q8_0").path
    assert file is not None
    header = read_gguf_header(file)
    assert header["llama.context_length"] == 2048
    assert "[INST]" in str(header["tokenizer.chat_template"])
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(RagoptError, match="ends within its header"):
        read_gguf_header(cut)
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(file.read_bytes()[:20] + b"\xff" * 4000)
    with pytest.raises(RagoptError, match="not a usable GGUF"):
        read_gguf_header(damaged)
