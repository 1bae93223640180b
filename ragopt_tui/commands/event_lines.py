"""What a job says, as lines of a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ragopt_tui.plaintext import one_line
from ragopt_tui.ui.wording import time_left

_LONGEST = 1000


class EventLines:
    """Gives the lines of a job's events, in order; progress only where its stage is another."""

    def __init__(self) -> None:
        self._stage = ""
        self._left = ""

    def of(self, event: dict[str, Any]) -> Iterator[str]:
        """Give the lines of one event, none for what a person need not read."""
        kind = event.get("type")
        try:
            if kind == "progress":
                yield from self._progress(event)
            elif kind == "train":
                yield self._point(event)
            elif kind in _WORDS:
                yield one_line(_WORDS[kind].format_map(_Told(event)), _LONGEST)
        except (KeyError, TypeError, ValueError):
            return

    def _progress(self, event: dict[str, Any]) -> Iterator[str]:
        stage = str(event.get("stage", ""))
        eta = event.get("eta_seconds")
        self._left = time_left(None if eta is None else float(eta))
        if stage != self._stage:
            self._stage = stage
            detail = str(event.get("detail", ""))
            if stage != "training":
                yield one_line(" ".join(filter(None, [stage, detail])), _LONGEST)

    def _point(self, event: dict[str, Any]) -> str:
        loss, rate = event["loss"], event["tokens_per_second"]
        parts = [
            f"step {event['step']}",
            f"epoch {event['epoch']:.2f}",
            "loss no number" if loss is None else f"loss {loss:.4f}",
            f"learning rate {event['learning_rate']:.2e}",
            "" if rate is None else f"{rate:,.0f} tokens/s",
            self._left,
        ]
        return "  ".join(filter(None, parts))


_WORDS = {
    "message": "{text}",
    "resumed": "goes on from step {step}",
    "evaluation": "evaluation at step {step}: loss {loss}",
    "sample": "sample at step {step}: {prompt} → {text}",
    "checkpoint": "checkpoint of step {step}: {variant}",
    "watch": "WARNING: {text} {hint}",
}


class _Told(dict[str, Any]):
    """An event whose numbers are short."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a value of JSON
        value = super().__getitem__(name)
        return f"{value:.4f}" if isinstance(value, float) else value
