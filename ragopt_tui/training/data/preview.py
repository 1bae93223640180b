"""A rendered example to look at: its text in pieces, each with loss or without."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from ragopt_tui.training.data.example import Example
from ragopt_tui.training.data.rendered import Rendered, Template
from ragopt_tui.training.data.rendering import Renderer

Pieces = list[tuple[str, bool]]


def preview(
    example: Example,
    tokenizer: Any,  # noqa: ANN401 - each has its own class
    *,
    template: Template = "auto",
    completion_only: bool = True,
    max_length: int | None = 1024,
    builtin: bool = False,
) -> Pieces:
    """Give what the model reads of an example, with what carries loss; raises as `render`."""
    renderer = Renderer(
        tokenizer,
        template=template,
        completion_only=completion_only,
        max_length=max_length,
        builtin=builtin,
    )
    return pieces_of(renderer.render(example), tokenizer)


def pieces_of(rendered: Rendered, tokenizer: Any) -> Pieces:  # noqa: ANN401
    """Give the text of rendered tokens, control tokens included, cut where loss begins and ends."""
    pieces: Pieces = []
    shown = ""
    at = 0
    for loss, run in groupby(rendered.loss):
        at += len(list(run))
        text = _text(rendered.ids[:at], tokenizer)
        # A character that lies across the border is shown with the piece that completes it.
        known = text.rstrip("\ufffd") if at < len(rendered.ids) else text
        pieces.append((known[len(shown) :], loss))
        shown = known
    return pieces


def _text(ids: Sequence[int], tokenizer: Any) -> str:  # noqa: ANN401
    return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))
