"""What both sides write in answer to the same questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ragopt_tui.plaintext import without_controls
from ragopt_tui.verification.report import Answers
from ragopt_tui.verification.sides import Continuation, Side

_LONGEST_PASSAGE = 700
_PASSAGES = 2


def prompts(texts: Sequence[str], questions: Sequence[str]) -> list[str]:
    """Put passages of the texts before each question, in the manner of the chat."""
    shown = [text[:_LONGEST_PASSAGE].strip() for text in texts[:_PASSAGES]]
    passages = "\n\n".join(f"[{n}] {text}" for n, text in enumerate(shown, start=1))
    return [f"Passages:\n\n{passages}\n\nQuestion: {question}" for question in questions]


def write_answers(
    side: Side, asked: Sequence[str], max_tokens: int, tell: Callable[[int, int], None]
) -> list[Continuation]:
    """Let a side answer each prompt by its own template, always with the likeliest token.

    A prompt that its template refuses is answered by "". Raises SideFailed.
    """
    rendered = side.render([[{"role": "user", "content": each}] for each in asked], answer=True)
    answers = []
    tell(0, len(rendered))
    for number, prompt in enumerate(rendered, start=1):
        said = side.greedy(prompt.ids, max_tokens) if prompt.ids else Continuation("", False)
        answers.append(said)
        tell(number, len(rendered))
    return answers


def side_by_side(
    questions: Sequence[str], parent: Sequence[Continuation], child: Sequence[Continuation]
) -> tuple[Answers, ...]:
    """Pair the answers for the report."""
    return tuple(
        Answers(question, without_controls(mine.text.strip()), without_controls(other.text.strip()))
        for question, mine, other in zip(questions, parent, child, strict=True)
    )
