"""Adapters on a loaded base: what they write is what the adapter's own library would write."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from peft import PeftModel
from safetensors.numpy import load_file, save_file

from ragopt_tui.chat.backends import GREEDY
from ragopt_tui.chat.backends.llama_cpp import LlamaCppBackend
from ragopt_tui.chat.backends.transformers import TransformersBackend
from ragopt_tui.chat.backends.transformers_loading import load_model
from ragopt_tui.errors import RagoptError
from tests.chat.backend_checks import answer, messages
from tests.chat.made_variants import FOLDER, f16_gguf, gguf_adapter, random_adapter

TOKENS = 12


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two adapters of each format and a GGUF base."""
    folder = tmp_path_factory.mktemp("adapters")
    for seed in (1, 2):
        random_adapter(folder / f"peft{seed}", seed, strength=1.5 * seed)
        gguf_adapter(folder / f"peft{seed}", folder / f"lora{seed}.gguf")
    random_adapter(folder / "head", 3, swapped_digits="48")
    f16_gguf(folder / "f16.gguf")
    return folder


@pytest.fixture(scope="module")
def transformers() -> Iterator[TransformersBackend]:
    backend = TransformersBackend(FOLDER, 2048, precision="fp32")
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def llama(made: Path) -> Iterator[LlamaCppBackend]:
    backend = LlamaCppBackend(made / "f16.gguf", 2048)
    yield backend
    backend.close()


def test_peft_adapters_change_places_on_one_base(
    transformers: TransformersBackend, made: Path
) -> None:
    asked = messages(transformers)
    base = answer(transformers, asked)
    tokens = transformers.prompt_tokens(asked)
    for adapter in ("peft1", "head", "peft2", "peft1"):
        transformers.use_adapter(made / adapter, "")
        assert written(transformers, tokens) == written_by_peft(made / adapter, tokens)
    transformers.use_adapter(None, "")
    assert answer(transformers, asked) == base


def test_gguf_adapters_change_places_on_one_base(
    llama: LlamaCppBackend, transformers: TransformersBackend, made: Path
) -> None:
    asked = messages(llama)
    base = "".join(llama.stream(asked, TOKENS, lambda: False))
    texts = []
    for number in (1, 2, 1):
        llama.use_adapter(made / f"lora{number}.gguf", "")
        transformers.use_adapter(made / f"peft{number}", "")
        texts.append("".join(llama.stream(asked, TOKENS, lambda: False)))
        assert texts[-1] == "".join(transformers.stream(asked, TOKENS, lambda: False))
    llama.use_adapter(None, "")
    transformers.use_adapter(None, "")
    assert "".join(llama.stream(asked, TOKENS, lambda: False)) == base
    assert texts[0] == texts[2]
    assert len({base, *texts}) == 3


def test_an_adapter_for_another_base_is_named_and_the_one_before_stays(
    transformers: TransformersBackend, made: Path, tmp_path: Path
) -> None:
    transformers.use_adapter(made / "head", "")
    before = answer(transformers, messages(transformers))
    narrow = changed(made / "peft1", tmp_path / "narrow", lambda a: a[..., :256])
    with pytest.raises(RagoptError, match=r"narrow does not fit .*: .*proj\.\S+ has the shape \["):
        transformers.use_adapter(narrow, "")
    elsewhere = changed(made / "peft1", tmp_path / "elsewhere", None, ".v_proj.", ".x_proj.")
    with pytest.raises(RagoptError, match=r"elsewhere does not fit .*x_proj"):
        transformers.use_adapter(elsewhere, "")
    assert answer(transformers, messages(transformers)) == before
    transformers.use_adapter(None, "")


def test_a_gguf_adapter_for_another_base_is_named_and_the_one_before_stays(
    llama: LlamaCppBackend, made: Path, tmp_path: Path
) -> None:
    llama.use_adapter(made / "lora1.gguf", "")
    before = "".join(llama.stream(messages(llama), TOKENS, lambda: False))
    narrow = changed(made / "peft1", tmp_path / "narrow", lambda a: a[..., :256])
    file = gguf_adapter(narrow, tmp_path / "narrow.gguf")
    with pytest.raises(RagoptError, match=r"narrow\.gguf does not fit .*wrong base model"):
        llama.use_adapter(file, "")
    with pytest.raises(RagoptError, match=r"f16\.gguf is no GGUF adapter but a model"):
        llama.use_adapter(made / "f16.gguf", "")
    assert "".join(llama.stream(messages(llama), TOKENS, lambda: False)) == before
    llama.use_adapter(None, "")


def test_an_adapter_written_again_is_loaded_again(
    transformers: TransformersBackend, made: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "training"
    shutil.copytree(made / "peft1", folder)
    transformers.use_adapter(folder, "")
    first = answer(transformers, messages(transformers))
    shutil.copytree(made / "peft2", folder, dirs_exist_ok=True)
    (folder / "adapter_model.safetensors").touch()
    transformers.use_adapter(folder, "")
    assert answer(transformers, messages(transformers)) != first
    transformers.use_adapter(None, "")


def test_adapter_weights_that_are_not_safetensors_are_refused(
    transformers: TransformersBackend, made: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    shutil.copy(made / "peft1" / "adapter_config.json", folder)
    (folder / "adapter_model.bin").write_bytes(b"\x80\x02.")
    with pytest.raises(RagoptError, match=r"pickled has no adapter_model\.safetensors"):
        transformers.use_adapter(folder, "")


def written(backend: TransformersBackend, tokens: list[int]) -> list[int]:
    """Give the tokens that a backend writes greedily."""
    return list(backend._continue(tokens, TOKENS, lambda: False, GREEDY))


def written_by_peft(adapter: Path, tokens: list[int]) -> list[int]:
    """Give the tokens that peft and transformers write greedily."""
    import torch

    model = PeftModel.from_pretrained(load_model(FOLDER, "fp32"), str(adapter)).eval()
    given = torch.tensor([tokens])
    output = model.generate(
        input_ids=given, attention_mask=torch.ones_like(given), max_new_tokens=TOKENS
    )
    made = output[0, len(tokens) :].tolist()
    return made[: made.index(2)] if 2 in made else made


def changed(source: Path, target: Path, cut: Any, old: str = "", new: str = "") -> Path:
    """Copy an adapter with the inputs of its layers cut, or its modules called otherwise."""
    shutil.copytree(source, target)
    tensors = load_file(target / "adapter_model.safetensors")
    kept = {
        name.replace(old, new) if old else name: numpy.ascontiguousarray(
            cut(values) if cut and "lora_A" in name else values
        )
        for name, values in tensors.items()
    }
    save_file(kept, target / "adapter_model.safetensors")
    if old:
        config = target / "adapter_config.json"
        config.write_text(config.read_text().replace(old.strip("."), new.strip(".")))
    return target
