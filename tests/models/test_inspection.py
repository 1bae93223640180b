"""What a folder or file is, and why it cannot answer, is read from it without loading it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.inspection import NotAModel, inspect, licence_of, source_of
from ragopt_tui.models.variant import builtin_variants
from tests.models.tiny_models import (
    HIDDEN,
    LAYERS,
    WORDS,
    adapter_folder,
    base_folder,
    gguf_adapter,
    gguf_file,
    split_folder,
)


def parameters() -> int:
    return 2 * WORDS * HIDDEN + LAYERS * 3 * HIDDEN * HIDDEN


def test_a_folder_tells_its_facts(tmp_path: Path) -> None:
    found = inspect(base_folder(tmp_path / "tiny"))
    facts = found.facts
    assert (found.kind, found.name, found.problem) == ("base", "tiny", "")
    assert (facts.architecture, facts.dtype, facts.parameters) == (
        "MistralForCausalLM",
        "fp16",
        parameters(),
    )
    assert (facts.context_tokens, facts.vocabulary) == (64, WORDS)
    assert (facts.licence, facts.own_chat_template) == ("apache-2.0", True)
    assert "model.safetensors" in [file.name for file in found.files]


def test_the_parts_of_a_split_folder_count_together(tmp_path: Path) -> None:
    assert inspect(split_folder(tmp_path / "tiny")).facts.parameters == parameters()


def test_both_formats_of_the_builtin_model_have_the_same_size_and_vocabulary() -> None:
    folder, gguf = (inspect(v.path).facts for v in builtin_variants() if v.path)
    assert folder.parameters == gguf.parameters == 33_563_136
    assert folder.vocabulary == gguf.vocabulary == 8192
    assert folder.context_tokens == gguf.context_tokens == 2048
    assert (folder.dtype, gguf.quantisation) == ("bf16", "Q8_0")


def test_a_quantised_folder_says_how(tmp_path: Path) -> None:
    folder = base_folder(tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    (folder / "config.json").write_text(json.dumps(config))
    assert inspect(folder).facts.quantisation == "nf4"
    config["quantization_config"] = {"quant_method": "awq"}
    (folder / "config.json").write_text(json.dumps(config))
    facts = inspect(folder).facts
    assert (facts.quantisation, facts.parameters) == ("awq", None)


def test_a_gguf_file_tells_its_facts(tmp_path: Path) -> None:
    found = inspect(gguf_file(tmp_path / "Tiny.Q4.gguf", template=False))
    facts = found.facts
    assert (found.kind, found.name) == ("gguf", "Tiny.Q4")
    assert (facts.architecture, facts.quantisation, facts.parameters) == ("llama", "F16", 72)
    assert (facts.context_tokens, facts.vocabulary, facts.licence) == (64, 4, "mit")
    assert not facts.own_chat_template


def test_any_part_stands_for_a_split_gguf_and_a_missing_one_is_named(tmp_path: Path) -> None:
    names = [f"big-{part:05d}-of-00003.gguf" for part in (1, 2, 3)]
    for part, name in enumerate(names):
        gguf_file(tmp_path / name, parts=(part, 3))
    found = inspect(tmp_path / names[1])
    assert (found.path.name, found.name, found.problem) == (names[0], "big", "")
    assert [file.name for file in found.files] == names
    assert found.facts.parameters == 3 * 72
    gguf_file(tmp_path / names[2], parts=(1, 3))
    assert "is split with 6 tensors, its parts have 4" in inspect(found.path).problem
    gguf_file(tmp_path / names[0], parts=(0, 4))
    assert "is split into 4 parts, by its name 3" in inspect(found.path).problem
    (tmp_path / names[2]).unlink()
    assert f"lacks {names[2]}, one of 3 parts" in inspect(tmp_path / names[0]).problem


def test_an_adapter_tells_its_configuration(tmp_path: Path) -> None:
    folder = adapter_folder(tmp_path / "lora", "org/tiny", config={"use_dora": True})
    adapter_folder(folder / "checkpoint-20", "org/tiny")
    adapter_folder(folder / "checkpoint-3", "org/tiny")
    found = inspect(folder)
    lora = found.facts.lora
    assert lora is not None
    assert (found.kind, lora.base, lora.rank, lora.alpha) == ("adapter", "org/tiny", 4, 8.0)
    assert (lora.target_modules, lora.modules_to_save) == (("down_proj", "q_proj"), ("lm_head",))
    assert (lora.dora, lora.rslora) == (True, False)
    assert lora.checkpoints == ("checkpoint-3", "checkpoint-20")
    gguf = inspect(gguf_adapter(tmp_path / "lora.gguf"))
    assert gguf.kind == "adapter"
    assert gguf.facts.lora is not None
    assert (gguf.facts.lora.rank, gguf.facts.lora.alpha) == (4, 8.0)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda f: (f / "config.json").write_text("{"), "config.json cannot be read"),
        (lambda f: (f / "config.json").write_text("[" * 100_000), "config.json cannot be read"),
        (lambda f: (f / "config.json").write_text("[]"), "holds no JSON object"),
        (lambda f: (f / "tokenizer.json").unlink(), "has no tokenizer"),
        (lambda f: cut(f / "model.safetensors"), "bytes that its header promises"),
        (
            lambda f: (f / "model.safetensors.index.json").write_text(
                '{"weight_map": {"a": "model-00001-of-00002.safetensors"}}'
            ),
            "lacks model-00001-of-00002.safetensors, one of its weight files",
        ),
        (
            lambda f: (f / "model.safetensors.index.json").write_text(
                '{"weight_map": {"a": "../../secret.safetensors"}}'
            ),
            "names a file outside of its folder",
        ),
        (
            lambda f: (f / "model.safetensors.index.json").write_text('{"weight_map": [1]}'),
            "has no weight map",
        ),
    ],
)
def test_a_broken_folder_is_a_model_with_a_problem(
    tmp_path: Path, change: Callable[[Path], object], problem: str
) -> None:
    folder = base_folder(tmp_path / "broken")
    change(folder)
    found = inspect(folder)
    assert problem in found.problem
    assert str(folder) in found.problem


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: (f / "config.json").unlink(), "no config.json"),
        (lambda f: (f / "model.safetensors").unlink(), "has no weights"),
        (
            lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
            "only pickled weights, which can run code",
        ),
        (
            lambda f: (f / "config.json").write_text('{"architectures": ["BertModel"]}'),
            "BertModel, which does not write text",
        ),
    ],
)
def test_what_is_no_model_is_refused_with_the_reason(
    tmp_path: Path, change: Callable[[Path], object], reason: str
) -> None:
    folder = base_folder(tmp_path / "none")
    change(folder)
    with pytest.raises(NotAModel, match=reason):
        inspect(folder)


def test_an_adapter_without_configuration_or_weights_is_told(tmp_path: Path) -> None:
    folder = adapter_folder(tmp_path / "lora", "org/tiny")
    (folder / "adapter_config.json").unlink()
    assert "adapter without its configuration (adapter_config.json)" in inspect(folder).problem
    other = adapter_folder(tmp_path / "other", "org/tiny")
    (other / "adapter_model.safetensors").rename(other / "adapter_model.bin")
    with pytest.raises(NotAModel, match="only pickled weights"):
        inspect(other)
    ranks = adapter_folder(tmp_path / "ranks", "org/tiny", config={"task_type": "SEQ_CLS"})
    with pytest.raises(NotAModel, match="SEQ_CLS, which does not write text"):
        inspect(ranks)


def test_gguf_files_that_write_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAModel, match="holds a clip"):
        inspect(gguf_file(tmp_path / "mmproj.gguf", architecture="clip"))
    page = tmp_path / "page.gguf"
    page.write_text("<html>404</html>")
    with pytest.raises(NotAModel, match="does not begin with the letters GGUF"):
        inspect(page)


def test_a_folder_that_cannot_be_listed_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RagoptError, match="There is nothing at"):
        inspect(tmp_path / "nothing")
    with pytest.raises(RagoptError, match="cannot be read: File name too long"):
        inspect(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    ("front", "licence"),
    [
        ("license: mit", "mit"),
        ("tags:\n- a\nlicense: 'llama3.1'\nlicense_name: x", "llama3.1"),
        ("license_link: x", ""),
    ],
)
def test_the_licence_is_that_of_the_front_matter(tmp_path: Path, front: str, licence: str) -> None:
    (tmp_path / "README.md").write_text(f"---\n{front}\n---\nlicense: not-this\n", newline="\r\n")
    assert licence_of(tmp_path) == licence


def test_a_snapshot_of_a_hub_cache_knows_its_repository() -> None:
    snapshot = Path("/x/models--org--tiny-two/snapshots/abc")
    assert (source_of(snapshot).hub_id, source_of(snapshot).revision) == ("org/tiny-two", "abc")
    file = source_of(snapshot / "q" / "x.gguf")
    assert file.file == "q/x.gguf"
    assert source_of(Path("/x/y")).folder == "/x/y"


def test_what_files_say_of_a_model_cannot_steer_a_terminal(tmp_path: Path) -> None:
    evil = "\x1b[31mCausalLM\n[bold]"
    folder = base_folder(tmp_path / "x\x1b[2J")
    (folder / "config.json").write_text(json.dumps({"architectures": [evil]}))
    record = inspect(folder).record("x")
    assert record.facts.architecture == "\ufffd[31mCausalLM [bold]"
    assert record.variant.name == "x\ufffd[2J"
    adapter = inspect(adapter_folder(tmp_path / "l", evil, config={"target_modules": [evil]}))
    assert adapter.facts.lora is not None
    said = (adapter.facts.lora.base, *adapter.facts.lora.target_modules)
    assert not any("\x1b" in text for text in said)
    with pytest.raises(NotAModel) as raised:
        inspect(gguf_file(tmp_path / "e.gguf", architecture="clip\x1b[2J"))
    assert "\x1b" not in raised.value.message


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-64])
