"""The same question, answered by every kind of variant, through the assistant's own path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ragopt_tui.chat.backends import Sampling
from ragopt_tui.chat.generate import Cancelled, generate_answer
from ragopt_tui.chat.model_slot import ModelSlot, ReadyModel
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.models.generation_settings import GenerationSettings
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import Settings
from tests.chat.backend_checks import EVIDENCE
from tests.chat.made_variants import f16_gguf, gguf_adapter, random_adapter, server
from tests.chat.test_citations import passage

QUESTION = "What was net revenue in 2023?"
ANSWER = "Net revenue was $4.2 billion in fiscal 2023, up 8% from 2022 [2]."
KINDS = ["bf16", "nf4", "f16", "q8_0", "adapter", "gguf-adapter", "endpoint"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VariantStore]:
    """A library with one variant of every kind."""
    folder = tmp_path_factory.mktemp("variants")
    library = VariantStore(folder / "library")
    library.set_settings("builtin", GenerationSettings(precision="bf16"))
    library.add(f16_gguf(folder / "f16.gguf"))
    random_adapter(folder / "swapped", 1, swapped_digits="48")
    library.add(folder / "swapped", parent="builtin", name="adapter")
    random_adapter(folder / "plain", 2, strength=0.1)
    library.add(gguf_adapter(folder / "plain", folder / "lora.gguf"), parent="f16")
    with server(folder / "f16.gguf") as url:
        library.add_endpoint(url, "small", name="endpoint")
        yield library


@pytest.fixture(scope="module")
def slot(store: VariantStore) -> Iterator[ModelSlot]:
    """One slot for all: the models are switched as a user does."""
    made = ModelSlot(store, Settings())
    yield made
    made.close()


@pytest.fixture(scope="module", params=KINDS)
def ready(request: pytest.FixtureRequest, store: VariantStore, slot: ModelSlot) -> ReadyModel:
    ids = {"bf16": "builtin", "nf4": "builtin", "q8_0": "builtin-q8_0", "gguf-adapter": "lora"}
    name = ids.get(request.param, request.param)
    if name == "builtin":
        store.set_settings(name, GenerationSettings(precision=request.param))
    return slot.use(store.answering(name), lambda _: None)


def ask(
    ready: ReadyModel, cancelled: Callable[[], bool], evidence: Sequence[Hit] = EVIDENCE
) -> tuple[Any, list[str]]:
    pieces: list[str] = []

    def on_event(kind: str, data: dict[str, Any]) -> None:
        if kind == "text":
            pieces.append(data["text"])

    answer = generate_answer(
        QUESTION,
        evidence,
        ready.backend,
        ready.variant,
        writing=replace(ready.writing, max_tokens=60),
        index_version="g1.v1",
        on_event=on_event,
        cancelled=cancelled,
    )
    return answer, pieces


def test_the_question_is_answered_with_the_passage_that_says_it(ready: ReadyModel) -> None:
    answer, pieces = ask(ready, lambda: False)
    if ready.variant.id == "adapter":
        assert answer.text.startswith("Net revenue was $8")
    else:
        assert answer.text == ANSWER
    (citation, *_) = answer.citations
    assert (citation.n, citation.quote) == (2, EVIDENCE[1].passage.text)
    assert len(pieces) > 3
    assert "".join(pieces).strip() == answer.text
    assert answer.variant == ready.variant.id


def test_evidence_beyond_the_context_is_left_out_whoever_answers(ready: ReadyModel) -> None:
    rain = [Hit(passage(f"Filler {n}. " + "It rained in Bergen. " * 80), 0.1) for n in range(9)]
    answer, pieces = ask(ready, lambda: False, [EVIDENCE[1], *rain])
    assert answer.text == "".join(pieces).strip()
    assert answer.evidence[0] == EVIDENCE[1]
    # The built-in model is shown single sentences, of which all fit.
    assert ready.variant.builtin or len(answer.evidence) < 10
    assert ready.backend.context_tokens == 2048


def test_cancelling_ends_the_answer_and_the_next_one_is_whole(ready: ReadyModel) -> None:
    whole, _ = ask(ready, lambda: False)
    asked: list[None] = []

    def after_a_few() -> bool:
        asked.append(None)
        return len(asked) > 12

    with pytest.raises(Cancelled):
        ask(ready, after_a_few)
    with pytest.raises(Cancelled):
        ask(ready, lambda: True)
    again, _ = ask(ready, lambda: False)
    assert again.text == whole.text


def test_sampling_follows_its_seed_alone(ready: ReadyModel) -> None:
    def sampled(seed: int) -> str:
        sampling = Sampling(temperature=1.6, top_p=0.95, seed=seed)
        asked = [{"role": "user", "content": "Write."}]
        return "".join(ready.backend.stream(asked, 12, lambda: False, sampling))

    texts = {sampled(seed) for seed in range(3)}
    assert len(texts) > 1
    assert sampled(1) == sampled(1)


def test_a_prompt_beyond_the_context_is_told_whoever_answers(ready: ReadyModel) -> None:
    with pytest.raises(RagoptError, match=r"(context 2048|does not fit the context of the server)"):
        list(ready.backend.stream([{"role": "user", "content": "word " * 3000}], 5, lambda: False))
