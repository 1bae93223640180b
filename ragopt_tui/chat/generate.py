"""An answer written by a language model from the evidence, with its citations checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.backends import Backend, ContextIsSmaller, Sampling
from ragopt_tui.chat.citations import cite_answer, parse_citations
from ragopt_tui.chat.figures.verify import verify_figures
from ragopt_tui.chat.prompt import REFUSAL, build_prompt, is_refusal
from ragopt_tui.chat.support import unsupported_reason
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.scoring import ScoredUnit
from ragopt_tui.models.generation_defaults import WritingSettings
from ragopt_tui.models.variant import Variant
from ragopt_tui.plaintext import without_controls

OnEvent = Callable[[str, dict[str, object]], None]


class Cancelled(Exception):
    """The user does not want the answer any more."""


def generate_answer(
    question: str,
    evidence: Sequence[Hit],
    backend: Backend,
    variant: Variant,
    *,
    writing: WritingSettings,
    index_version: str,
    on_event: OnEvent,
    cancelled: Callable[[], bool],
    units: Sequence[ScoredUnit] = (),
    from_builtin: bool = False,
) -> Answer:
    """Stream an answer as `text` events and give it whole, parsed and checked.

    `units` are the best of the evidence, which the built-in model is shown, and with `from_builtin`
    what was made from it. The answer's evidence is the passages that the model was shown: those
    that fit its context.
    Raises Cancelled, and RagoptError if the prompt does not fit.
    """
    started = time.monotonic()

    def written() -> tuple[str, int]:
        return _written(
            question,
            evidence,
            backend,
            writing=writing,
            on_event=on_event,
            cancelled=cancelled,
            units=units,
            builtin=variant.builtin or from_builtin,
        )

    try:
        text, used = written()
    except ContextIsSmaller:
        text, used = written()
    if not text:
        raise RagoptError(
            f"{variant.name} wrote nothing.", "Ask in other words, or choose another model."
        )
    answer = checked(question, text, evidence[:used], variant.id, index_version)
    return answer.after(time.monotonic() - started)


def _written(
    question: str,
    evidence: Sequence[Hit],
    backend: Backend,
    *,
    writing: WritingSettings,
    on_event: OnEvent,
    cancelled: Callable[[], bool],
    units: Sequence[ScoredUnit],
    builtin: bool,
) -> tuple[str, int]:
    """Give what the model writes, and how many passages of the evidence it was shown."""
    max_tokens = min(writing.max_tokens, backend.context_tokens // 2)
    prompt = build_prompt(
        question,
        evidence,
        builtin=builtin,
        count_tokens=backend.count_tokens,
        room=backend.context_tokens - max_tokens,
        system=writing.system_prompt,
        units=units,
    )
    if prompt.used < len(evidence):
        message = f"reading {prompt.used} of {len(evidence)} passages: the context holds no more"
        on_event("status", {"message": message, "fraction": None})
    on_event("prompt", {"messages": prompt.messages})
    sampling = Sampling(writing.temperature, writing.top_p, writing.seed)
    pieces = backend.stream(prompt.messages, max_tokens, cancelled, sampling)
    return _passed_on(pieces, on_event, cancelled), prompt.used


def checked(
    question: str, text: str, evidence: Sequence[Hit], variant: str, index_version: str
) -> Answer:
    """Make an answer of generated text: refusal recognised, citations and figures looked up."""
    if is_refusal(text):
        return Answer(question, REFUSAL, True, (), tuple(evidence), variant, index_version)
    verified = verify_figures(text, evidence, question)
    return Answer(
        question=question,
        text=text,
        refused=False,
        citations=cite_answer(text, evidence),
        evidence=tuple(evidence),
        variant=variant,
        index_version=index_version,
        dangling=parse_citations(text, len(evidence)).dangling,
        unsupported=unsupported_reason(text, evidence, verified.figures),
        figures=verified.figures,
        uncited=verified.uncited,
    )


def _passed_on(written: Iterator[str], on_event: OnEvent, cancelled: Callable[[], bool]) -> str:
    pieces: list[str] = []
    for piece in written:
        if cancelled():
            break
        if not pieces:
            on_event("status", {"message": "writing", "fraction": None})
            piece = piece.lstrip()
        clean = without_controls(piece.replace("\r", ""))
        if clean:
            pieces.append(clean)
            on_event("text", {"text": clean})
    if cancelled():
        raise Cancelled
    return "".join(pieces).strip()
