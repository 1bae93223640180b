from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from ragopt_tui.chat.backends import Backend, ContextIsSmaller, Messages
from ragopt_tui.chat.generate import Cancelled, checked, generate_answer
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.models.generation_defaults import WritingSettings
from ragopt_tui.models.variant import Variant, builtin_variants
from tests.chat.backend_checks import EVIDENCE, load
from tests.chat.test_citations import passage

VARIANT = builtin_variants()[-1]


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    loaded = load(VARIANT)
    yield loaded
    loaded.close()


def generate(
    backend: Backend,
    question: str,
    evidence: list[Hit],
    variant: Variant = VARIANT,
    **changes: Any,
) -> Any:
    events: list[tuple[str, dict[str, Any]]] = []
    arguments: dict[str, Any] = {
        "writing": WritingSettings(0.0, 1.0, seed=1, max_tokens=100, context_tokens=2048),
        "index_version": "g1.v1",
        "on_event": lambda kind, data: events.append((kind, data)),
        "cancelled": lambda: False,
    }
    answer = generate_answer(question, evidence, backend, variant, **(arguments | changes))
    return answer, events


def test_an_answer_streams_and_carries_checked_citations(backend: Backend) -> None:
    answer, events = generate(backend, "What was net revenue in 2023?", EVIDENCE)
    assert answer.text == "Net revenue was $4.2 billion in fiscal 2023, up 8% from 2022 [2]."
    assert "".join(d["text"] for kind, d in events if kind == "text").strip() == answer.text
    (cited,) = answer.citations
    assert (cited.n, cited.quote) == (2, EVIDENCE[1].passage.text)
    assert (answer.refused, answer.unsupported, answer.dangling) == (False, "", ())
    assert [(f.text, f.status) for f in answer.figures] == [
        ("$4.2 billion", "found"),
        ("2023", "found"),
        ("8%", "found"),
        ("2022", "found"),
    ]
    assert answer.uncited == ()
    assert (answer.variant, answer.index_version) == ("builtin-q8_0", "g1.v1")
    assert answer.evidence == tuple(EVIDENCE)
    assert answer.seconds > 0


def test_a_question_that_the_evidence_does_not_answer_is_refused(backend: Backend) -> None:
    unlikely = [dataclasses.replace(hit, score=0.1) for hit in EVIDENCE]
    answer, _ = generate(backend, "Who is the auditor of Contoso?", unlikely)
    assert answer.refused
    assert answer.text == "The documents do not say."
    assert answer.citations == ()
    assert answer.evidence == tuple(unlikely)


def test_the_evidence_is_what_fitted_the_context(backend: Backend) -> None:
    long = [
        Hit(passage(f"Filler number {n}. " + "It rained in Bergen. " * 80), 1.0) for n in range(9)
    ]
    shown_whole = dataclasses.replace(VARIANT, builtin=False)
    answer, events = generate(
        backend, "What was net revenue in 2023?", [EVIDENCE[1], *long], shown_whole
    )
    assert 1 < len(answer.evidence) < 10
    messages = [data["message"] for kind, data in events if kind == "status"]
    assert f"reading {len(answer.evidence)} of 10 passages" in messages[0]


def test_cancelling_gives_no_answer(backend: Backend) -> None:
    with pytest.raises(Cancelled):
        generate(backend, "What was net revenue in 2023?", EVIDENCE, cancelled=lambda: True)


def test_control_characters_that_a_model_copies_do_not_leave_it() -> None:
    class Copying:
        context_tokens = 1000

        def count_tokens(self, text: str) -> int:
            return len(text.split())

        def stream(self, *_: object) -> Iterator[str]:
            return iter(
                [" Net revenue was \x1b[31m$4.2", " billion\x1b", "[0m in fiscal 2023 [2]."]
            )

        def close(self) -> None: ...

    answer, events = generate(Copying(), "What was net revenue in 2023?", EVIDENCE)
    assert "4.2" in answer.text
    said = answer.text + "".join(data["text"] for kind, data in events if kind == "text")
    assert "\x1b" not in said


def test_a_model_that_writes_nothing_is_an_error() -> None:
    class Mute:
        context_tokens = 1000

        def count_tokens(self, text: str) -> int:
            return len(text.split())

        def stream(self, *_: object) -> Iterator[str]:
            return iter([" \n"])

        def close(self) -> None: ...

    with pytest.raises(RagoptError, match="wrote nothing"):
        generate(Mute(), "Why?", EVIDENCE)


def test_a_citation_that_points_nowhere_and_a_foreign_figure_are_told() -> None:
    dangling = checked("Q?", "Net revenue was $4.2 billion [7].", EVIDENCE, "v", "g1.v1")
    assert dangling.dangling == (7,)
    assert "[7]" in dangling.unsupported
    invented = checked("Q?", "Net revenue was $9.9 billion [2].", EVIDENCE, "v", "g1.v1")
    assert "9.9" in invented.unsupported
    assert [c.n for c in invented.citations] == [2]


def test_a_server_that_tells_a_smaller_context_is_asked_again_with_fewer_passages() -> None:
    class Telling:
        context_tokens = 10_000

        def count_tokens(self, text: str) -> int:
            return len(text.split())

        def stream(self, messages: Messages, *_: object) -> Iterator[str]:
            if self.context_tokens > 1000:
                self.context_tokens = 1000
                raise ContextIsSmaller("The prompt does not fit.", "Use fewer passages.")
            assert sum(len(each["content"].split()) for each in messages) < 1000
            return iter(["Net revenue was $4.2 billion [1]."])

        def close(self) -> None: ...

    long = [
        Hit(passage(f"Filler number {n}. " + "It rained in Bergen. " * 80), 1.0) for n in range(9)
    ]
    shown_whole = dataclasses.replace(VARIANT, builtin=False)
    answer, events = generate(Telling(), "What rained?", [EVIDENCE[1], *long], shown_whole)
    assert answer.text == "Net revenue was $4.2 billion [1]."
    assert 1 < len(answer.evidence) < 10
    told = [data["message"] for kind, data in events if kind == "status"]
    assert f"reading {len(answer.evidence)} of 10 passages" in " ".join(told)
