"""The real engine process with models that are broken, or have settings of their own."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.engine_client import EngineClient, EngineDied
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.sync import synchronise
from ragopt_tui.models.generation_settings import GenerationSettings
from ragopt_tui.models.memory_requests import asking_for_memory
from ragopt_tui.models.safetensors_header import read_safetensors_header
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from tests.chat.made_variants import FOLDER, GGUF, gguf_with_a_token_twice, gguf_with_nan

pytestmark = pytest.mark.asyncio(loop_scope="module")
QUESTION = {"question": "What was net revenue in fiscal 2023?", "passages": 2}


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One home for the module, so that its engine and its index are found by all tests."""
    monkeypatch.setenv("RAGOPT_HOME", str(shared_home))
    return shared_home


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    tmp_path_factory: pytest.TempPathFactory, shared_home: Path
) -> AsyncIterator[EngineClient]:
    docs = tmp_path_factory.mktemp("docs")
    (docs / "report.md").write_text("# Report\n\nNet revenue was $4.2 billion in fiscal 2023.\n")
    running = EngineClient()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGOPT_HOME", str(shared_home))
        synchronise(docs, "builtin", lambda _: None)
        await running.call("open", {"docs": str(docs), "embedder": "builtin"})
    yield running
    await running.close()


def store() -> VariantStore:
    return VariantStore(folders().models)


async def asked(client: EngineClient, variant: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Ask, and give the data of `settings` and those of each `status`."""
    events = [event async for event in client.request("ask", QUESTION | {"variant": variant})]
    (settings,) = [event.data for event in events if event.type == "settings"]
    assert events[-1].type == "done", events[-1].data
    return settings, [event.data for event in events if event.type == "status"]


async def test_a_model_that_aborts_the_engine_is_named_and_marked(
    client: EngineClient, tmp_path: Path
) -> None:
    file = gguf_with_a_token_twice(tmp_path / "twice.gguf")
    store().add(file)
    with pytest.raises(EngineDied) as died:
        await client.call("load", {"variant": "twice"})
    assert died.value.message == (
        f"The engine stopped itself in native code (SIGABRT) while it loaded twice ({file}): "
        "two tokens of its vocabulary have the same text."
    )
    assert store().find("twice").problem == died.value.message
    with pytest.raises(RagoptError, match="two tokens of its vocabulary"):
        await client.call("load", {"variant": "twice"})
    assert client.state == "ready"


async def test_a_model_of_nan_is_named_and_marked_and_the_engine_lives(
    client: EngineClient, tmp_path: Path
) -> None:
    file = gguf_with_nan(tmp_path / "damaged.gguf")
    store().add(file)
    before = client.pid
    with pytest.raises(RagoptError, match=r"damaged\.gguf computes no usable numbers \(NaN\)"):
        await client.call("ask", QUESTION | {"variant": "damaged"})
    assert "NaN" in store().find("damaged").problem
    answer = await client.call("ask", QUESTION | {"variant": "quotes"})
    assert "$4.2 billion" in Answer.from_json(answer).text
    assert client.pid == before


async def test_a_folder_of_nan_is_named_and_marked_and_the_engine_lives(
    client: EngineClient, tmp_path: Path
) -> None:
    folder = tmp_path / "hurt"
    shutil.copytree(FOLDER, folder)
    weights = folder / "model.safetensors"
    norm = read_safetensors_header(weights).tensors["model.norm.weight"]
    with weights.open("r+b") as file:
        file.seek(norm.start)
        file.write(b"\xc0\x7f")
    store().add(folder)
    before = client.pid
    with pytest.raises(RagoptError, match=r"hurt computes no usable numbers \(NaN\)"):
        await client.call("ask", QUESTION | {"variant": "hurt"})
    assert "NaN" in store().find("hurt").problem
    assert client.pid == before


@pytest.mark.parametrize("kind", ["folder", "gguf"])
async def test_a_model_that_cannot_be_written_and_has_any_name_answers_and_stays_as_it_is(
    client: EngineClient, tmp_path: Path, kind: str
) -> None:
    place = tmp_path / "ünï [x] 模型.v1.0"
    if kind == "folder":
        shutil.copytree(FOLDER, place)
    else:
        place.mkdir()
        shutil.copy(GGUF, place / "größe [Q8] v1.0.gguf")
    files = sorted(place.iterdir())
    for file in files:
        file.chmod(0o444)
    place.chmod(0o555)
    before = [(file.name, file.stat().st_mtime_ns) for file in files]
    added = store().add(files[0] if kind == "gguf" else place).variant
    answer = await client.call("ask", QUESTION | {"variant": added.id})
    assert Answer.from_json(answer).variant == added.id
    store().rename(added.id, f"a/b [{kind}].d")
    assert store().find(f"a/b [{kind}].d").problem == ""
    place.chmod(0o755)
    assert [(file.name, file.stat().st_mtime_ns) for file in sorted(place.iterdir())] == before


async def test_the_settings_of_a_variant_shape_its_answers_and_are_told(
    client: EngineClient,
) -> None:
    chosen = GenerationSettings(temperature=0.3, top_p=0.9, seed=7, max_tokens=40)
    store().set_settings("builtin-q8_0", chosen)
    settings, statuses = await asked(client, "builtin-q8_0")
    assert settings | {"temperature": 0.3, "top_p": 0.9, "seed": 7} == settings
    assert settings["max_answer_tokens"] == 40
    assert [s["loading"] for s in statuses if "loading" in s] == ["builtin-q8_0"]
    store().set_settings("builtin-q8_0", GenerationSettings())
    settings, statuses = await asked(client, "builtin-q8_0")
    assert (settings["seed"], "temperature" in settings) == (None, False)
    assert not any("loading" in status for status in statuses)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="tells mapped files by /proc")
async def test_the_model_steps_aside_for_training_and_comes_back_with_the_next_question(
    client: EngineClient,
) -> None:
    def mapped() -> bool:
        return "builtin-Q8_0.gguf" in Path(f"/proc/{client.pid}/maps").read_text()

    await asked(client, "builtin-q8_0")
    assert mapped()
    with asking_for_memory():
        async with asyncio.timeout(60):
            while mapped():
                await asyncio.sleep(0.05)
    assert client.state == "ready"
    _, statuses = await asked(client, "builtin-q8_0")
    assert [s["loading"] for s in statuses if "loading" in s] == ["builtin-q8_0"]
