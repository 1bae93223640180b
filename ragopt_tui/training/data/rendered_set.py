"""A whole split rendered for a model: its rows, and what is left out of it and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ragopt_tui.training.data.example import Example, Problem
from ragopt_tui.training.data.rendered import LeftOut, Rendered
from ragopt_tui.training.data.rendering import Renderer

_EVERY = 200


@dataclass(frozen=True, slots=True)
class RenderedSet:
    """The rows that can be trained on, in the order of the examples, and the others' problems.

    `truncated` are the places of those that lost their end or some of their evidence.
    """

    rows: tuple[Rendered, ...]
    left_out: tuple[Problem, ...]
    truncated: tuple[str, ...] = ()


def rendered_set(
    examples: Iterable[Example],
    renderer: Renderer,
    told: Callable[[int], None] = lambda done: None,
) -> RenderedSet:
    """Render examples; `told` learns how many are done, and may raise to stop.

    Raises RagoptError where none can be rendered, as without a chat template.
    """
    rows: list[Rendered] = []
    left_out: list[Problem] = []
    truncated: list[str] = []
    for done, example in enumerate(examples):
        if done % _EVERY == 0:
            told(done)
        try:
            row = renderer.render(example)
        except LeftOut as error:
            left_out.append(Problem(example.place, error.message))
            continue
        rows.append(row)
        if row.truncated:
            truncated.append(example.place)
    return RenderedSet(tuple(rows), tuple(left_out), tuple(truncated))
