from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragopt_tui.chat.backends.llama_cpp import LlamaCppBackend
from ragopt_tui.chat.backends.local import common_prefix, defuse
from ragopt_tui.chat.backends.transformers import TransformersBackend
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.weights import gguf_bytes
from tests.chat.backend_checks import EVIDENCE, answer, found, load, messages, never
from tests.chat.made_variants import GGUF, split_gguf

BuiltinBackend = LlamaCppBackend | TransformersBackend


@pytest.fixture(scope="module", params=["builtin", "builtin-q8_0"])
def backend(request: pytest.FixtureRequest) -> Iterator[BuiltinBackend]:
    loaded = load(found(request.param))
    assert isinstance(loaded, LlamaCppBackend | TransformersBackend)
    yield loaded
    loaded.close()


def test_the_answer_is_copied_from_the_passage_that_holds_it(backend: BuiltinBackend) -> None:
    said = answer(backend, messages(backend))
    assert said == "Net revenue was $4.2 billion in fiscal 2023, up 8% from 2022 [2]."


def test_the_context_is_the_models_where_that_is_smaller(backend: BuiltinBackend) -> None:
    assert backend.context_tokens == 2048


def test_the_prompt_begins_once_and_is_the_trained_text(backend: BuiltinBackend) -> None:
    tokens = backend.prompt_tokens([{"role": "user", "content": "Hello"}])
    assert tokens.count(1) == 1
    assert tokens[0] == 1
    assert len(tokens) - 1 == backend.count_tokens("[INST] Hello [/INST]")


def test_control_tokens_in_a_document_are_read_as_text(backend: BuiltinBackend) -> None:
    tokens = backend.prompt_tokens([{"role": "user", "content": "a</s><s>b"}])
    assert 2 not in tokens
    assert tokens.count(1) == 1


def test_a_prompt_that_begins_alike_is_not_evaluated_again(backend: BuiltinBackend) -> None:
    first = messages(backend)
    said = answer(backend, first)
    total = len(backend.prompt_tokens(first))
    follow_up = [{"role": "user", "content": first[0]["content"] + " Answer briefly."}]
    answer(backend, follow_up)
    assert backend.evaluated_tokens < total / 4
    assert answer(backend, first) == said


def test_cancelling_stops_before_the_first_and_between_tokens(backend: BuiltinBackend) -> None:
    asked = messages(backend)
    whole = answer(backend, asked)
    assert list(backend.stream(asked, 60, lambda: True)) == []
    pieces: list[str] = []
    for piece in backend.stream(asked, 60, lambda: len(pieces) == 2):
        pieces.append(piece)
    assert len(pieces) == 2
    assert whole.startswith("".join(pieces).strip())
    assert answer(backend, asked) == whole


def test_abandoning_a_stream_leaves_the_model_usable(backend: BuiltinBackend) -> None:
    asked = messages(backend)
    whole = answer(backend, asked)
    stream = backend.stream(asked, 60, never)
    next(stream)
    assert isinstance(stream, Iterator)
    del stream
    assert answer(backend, asked) == whole


def test_an_answer_is_no_longer_than_asked(backend: BuiltinBackend) -> None:
    text = "".join(backend.stream(messages(backend), 4, never))
    assert 0 < backend.count_tokens(text.strip()) <= 4


def test_characters_of_several_tokens_arrive_whole(backend: BuiltinBackend) -> None:
    snowman = "The sign showed ☃ and ☃ at the café in fiscal 2023."
    prompt = messages(backend, "What did the sign show in fiscal 2023?", EVIDENCE[::-1])
    content = prompt[0]["content"].replace(EVIDENCE[1].passage.text, snowman)
    pieces = list(backend.stream([{"role": "user", "content": content}], 60, never))
    assert snowman[:-1] in "".join(pieces)
    assert "\ufffd" not in "".join(pieces)


def test_a_prompt_beyond_the_context_is_an_error(backend: BuiltinBackend) -> None:
    with pytest.raises(RagoptError, match="context 2048"):
        list(backend.stream([{"role": "user", "content": "word " * 3000}], 10, never))


def test_both_formats_of_the_builtin_model_see_the_same_tokens(backend: BuiltinBackend) -> None:
    path = found("builtin").path
    assert path is not None
    ours = backend.prompt_tokens(messages(backend))
    known = json.loads((path / "tokenizer.json").read_text())["model"]["vocab"]
    texts = {number: token for token, number in known.items()}
    rendered = "".join(texts[token] for token in ours[1:]).replace("▁", " ")
    assert rendered == f"[INST] {messages(backend)[0]['content']} [/INST]".replace("\n", "<0x0A>")


def test_a_gguf_without_chat_template_is_refused(tmp_path: Path) -> None:
    file = _damaged_gguf(tmp_path, b"tokenizer.chat_template", b"tokenizer.chat_tempxxxx")
    with pytest.raises(RagoptError, match="has no chat template"):
        load(found(str(file)))


def test_a_gguf_that_does_not_load_says_what_llama_cpp_said(tmp_path: Path) -> None:
    file = _damaged_gguf(tmp_path, b"token_embd.weight", b"token_xxxx.weight")
    with pytest.raises(RagoptError, match=r"token_embd\.weight"):
        load(found(str(file)))


def test_a_truncated_gguf_is_refused_with_the_reason(tmp_path: Path) -> None:
    whole = found("builtin-q8_0").path
    assert whole is not None
    file = tmp_path / "cut.gguf"
    file.write_bytes(whole.read_bytes()[:20_000_000])
    with pytest.raises(RagoptError, match=r"cut\.gguf is not a usable GGUF file: .* bytes"):
        load(found(str(file)))


def test_the_parts_of_a_split_gguf_are_loaded_and_counted(tmp_path: Path) -> None:
    first = split_gguf(tmp_path)
    assert gguf_bytes(first) == gguf_bytes(GGUF)
    split, whole = load(found(str(first))), load(found("builtin-q8_0"))
    assert answer(split, messages(split)) == answer(whole, messages(whole))
    split.close()
    whole.close()


def test_a_folder_without_chat_template_is_refused(tmp_path: Path) -> None:
    folder = _copied_folder(tmp_path)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(RagoptError, match="has no chat template"):
        load(found(str(folder)))


def test_a_folder_with_broken_weights_is_refused(tmp_path: Path) -> None:
    folder = _copied_folder(tmp_path)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(RagoptError, match="transformers cannot load"):
        load(found(str(folder)))


def test_a_chat_template_that_fails_is_named(tmp_path: Path) -> None:
    folder = _copied_folder(tmp_path)
    (folder / "chat_template.jinja").unlink()
    (folder / "chat_template.jinja").write_text("{{ raise_exception('no such role') }}")
    loaded = load(found(str(folder)))
    with pytest.raises(RagoptError, match="no such role"):
        list(loaded.stream([{"role": "user", "content": "Hi"}], 5, never))


def test_a_template_without_system_turn_gets_its_text_in_the_users(tmp_path: Path) -> None:
    folder = _copied_folder(tmp_path)
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    (folder / "chat_template.jinja").write_text(refusing + template)
    loaded = TransformersBackend(folder, 2048)
    with_system = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    merged = [{"role": "user", "content": "Be brief.\n\nHi"}]
    assert loaded.prompt_tokens(with_system) == loaded.prompt_tokens(merged)


def test_a_process_that_ends_with_a_model_loaded_ends_cleanly() -> None:
    script = (
        "from ragopt_tui.chat.backends.llama_cpp import LlamaCppBackend\n"
        "from ragopt_tui.models.variant import builtin_variants\n"
        "backend = LlamaCppBackend(builtin_variants()[-1].path, 2048)\n"
        "print(backend.count_tokens('Hello'))\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout.strip().isdigit()) == (0, True)


def test_common_prefix_and_defusing() -> None:
    assert common_prefix([1, 2, 3], [1, 2, 4, 5]) == 2
    assert common_prefix([1, 2], [1, 2, 3]) == 2
    assert common_prefix([], [1]) == 0
    (message,) = defuse([{"role": "user", "content": "x</s>y"}], ["</s>"])
    assert message["content"] == "x< /s>y"


def _damaged_gguf(folder: Path, old: bytes, new: bytes) -> Path:
    whole = found("builtin-q8_0").path
    assert whole is not None
    assert len(old) == len(new)
    data = whole.read_bytes()
    assert old in data
    file = folder / "damaged.gguf"
    file.write_bytes(data.replace(old, new, 1))
    return file


def _copied_folder(tmp_path: Path) -> Path:
    whole = found("builtin").path
    assert whole is not None
    folder = tmp_path / "model"
    shutil.copytree(whole, folder, copy_function=_link)
    return folder


def _link(source: str, target: str) -> None:
    Path(target).symlink_to(source)
