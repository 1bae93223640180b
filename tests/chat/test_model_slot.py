"""Which model is in memory, and when another is loaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ragopt_tui.chat import model_slot
from ragopt_tui.chat.backends import Backend
from ragopt_tui.chat.model_slot import ModelSlot
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.generation_settings import GenerationSettings
from ragopt_tui.models.machine import Machine, this_machine
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import Variant
from ragopt_tui.settings import Settings
from tests.chat.made_variants import FOLDER, GGUF, random_adapter


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_adapter(tmp_path_factory.mktemp("adapters") / "lora", 1)


@pytest.fixture
def store(home: Path) -> VariantStore:
    return VariantStore(home / "data" / "models")


@pytest.fixture
def slot(store: VariantStore) -> Iterator[ModelSlot]:
    made = ModelSlot(store, Settings())
    yield made
    made.close()


def use(slot: ModelSlot, store: VariantStore, name: str) -> tuple[Backend, list[str]]:
    """Give the backend of a variant, and the variants that had to be loaded for it."""
    loading: list[Variant] = []
    ready = slot.use(store.answering(name), loading.append)
    return ready.backend, [variant.id for variant in loading]


def with_memory(monkeypatch: pytest.MonkeyPatch, available: int) -> Machine:
    machine = replace(this_machine(), available=available, gpus=())
    monkeypatch.setattr(model_slot, "this_machine", lambda: machine)
    return machine


def test_a_base_stays_loaded_while_adapters_change(
    slot: ModelSlot, store: VariantStore, adapter: Path
) -> None:
    store.add(adapter, parent="builtin")
    base, loaded = use(slot, store, "builtin")
    assert loaded == ["builtin"]
    assert use(slot, store, "builtin") == (base, [])
    assert use(slot, store, "lora") == (base, ["lora"])
    assert use(slot, store, "builtin") == (base, ["builtin"])


def test_an_adapter_is_loaded_on_its_base_as_that_is_set(
    slot: ModelSlot, store: VariantStore, adapter: Path
) -> None:
    store.add(adapter, parent="builtin")
    store.set_settings("builtin", GenerationSettings(precision="fp32", context_tokens=1024))
    base, _ = use(slot, store, "builtin")
    assert use(slot, store, "lora") == (base, ["lora"])
    assert base.context_tokens == 1024


def test_a_writing_setting_loads_nothing_and_a_loading_one_does(
    slot: ModelSlot, store: VariantStore
) -> None:
    first, _ = use(slot, store, "builtin-q8_0")
    store.set_settings("builtin-q8_0", GenerationSettings(temperature=0.5, max_tokens=9))
    ready = slot.use(store.find("builtin-q8_0"), lambda _: None)
    assert ready.backend is first
    assert (ready.writing.temperature, ready.writing.max_tokens) == (0.5, 9)
    store.set_settings("builtin-q8_0", GenerationSettings(context_tokens=512))
    second, loaded = use(slot, store, "builtin-q8_0")
    assert loaded == ["builtin-q8_0"]
    assert second.context_tokens == 512


def test_a_model_that_does_not_fit_is_not_loaded_and_smaller_options_are_named(
    slot: ModelSlot, store: VariantStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.set_settings("builtin", GenerationSettings(precision="fp32"))
    with_memory(monkeypatch, 200_000_000)
    with pytest.raises(RagoptError) as refused:
        use(slot, store, "builtin")
    assert refused.value.message.startswith("built-in bf16 does not fit: it needs 262 MB (134 MB")
    assert "200 MB of memory are free" in refused.value.message
    assert "Smaller options: precision int8 (needs" in refused.value.hint
    assert "nf4 (needs" in refused.value.hint
    with_memory(monkeypatch, 10_000_000)
    with pytest.raises(RagoptError, match="Choose a smaller model"):
        use(slot, store, "builtin")


def test_a_context_that_nobody_chose_is_made_smaller_where_memory_is_short(
    store: VariantStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "long.gguf"
    data = GGUF.read_bytes()
    key = b"llama.context_length\x04\0\0\0"
    assert data.count(key + (2048).to_bytes(4, "little")) == 1
    file.write_bytes(data.replace(key + b"\0\x08\0\0", key + b"\0\0\x01\0"))
    store.add(file)
    with_memory(monkeypatch, 400_000_000)
    slot = ModelSlot(store, Settings(context_tokens=16384))
    backend, _ = use(slot, store, "long")
    assert backend.context_tokens == 8192
    store.set_settings("long", GenerationSettings(context_tokens=16384))
    with pytest.raises(RagoptError, match=r"does not fit.*16,384 tokens of context") as refused:
        use(slot, store, "long")
    assert "context_tokens 8192 (needs" in refused.value.hint
    slot.close()


def test_a_chat_template_is_asked_for_and_the_one_given_is_used(
    slot: ModelSlot, store: VariantStore, tmp_path: Path
) -> None:
    folder = tmp_path / "silent"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("chat_template*"))
    store.add(folder)
    with pytest.raises(RagoptError, match=r"silent has no chat template.*Give it one"):
        use(slot, store, "silent")
    store.set_chat_template("silent", "{{ bos_token }}{{ messages[0].content }}!")
    backend, _ = use(slot, store, "silent")
    assert backend.prompt_tokens([{"role": "user", "content": "Hi"}])[0] == 1  # type: ignore[attr-defined]
    assert len(backend.prompt_tokens([{"role": "user", "content": "Hi"}])) == 1 + (  # type: ignore[attr-defined]
        backend.count_tokens("Hi!")
    )


def test_after_a_model_that_fails_to_load_the_next_is_loaded(
    slot: ModelSlot, store: VariantStore, tmp_path: Path
) -> None:
    file = tmp_path / "odd.gguf"
    file.write_bytes(GGUF.read_bytes().replace(b"token_embd.weight", b"token_xxxx.weight", 1))
    store.add(file)
    use(slot, store, "builtin-q8_0")
    with pytest.raises(RagoptError, match=r"odd\.gguf: .*token_embd\.weight"):
        use(slot, store, "odd")
    _, loaded = use(slot, store, "builtin-q8_0")
    assert loaded == ["builtin-q8_0"]
