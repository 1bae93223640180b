"""A dialogue as text in pieces, with loss or without: where its answers begin and end."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from ragopt_tui.chat.backends import Messages
from ragopt_tui.training.data.rendered import LeftOut

Render = Callable[[Messages, bool], str]
"""Renders a dialogue with a chat template; true adds what stands before the next answer."""

Span = tuple[int, int]

ONLY_LAST = (
    "The chat template changes earlier answers once later turns follow, so only the last answer of "
    "a dialogue carries loss."
)
OTHER_START = (
    "The chat template begins a given answer otherwise than one that is still to be written, so "
    "loss begins at the answer's own words."
)
SHORTENED = "The chat template leaves out a part of the answer, such as its thinking."

_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Pieces:
    """`parts` one behind the other are the whole text, each with whether it carries loss.

    `note` says why that is not as asked for, "" where it is.
    """

    parts: tuple[tuple[str, bool], ...]
    note: str = ""

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(text for text, _ in self.parts)


def plain_pieces(
    messages: Messages, trained: Collection[int], between: str, bos: str, eos: str
) -> Pieces:
    """Put the turns' texts one behind the other, `eos` behind each of the assistant's."""
    parts = [(bos, False)]
    for at, message in enumerate(messages):
        end = eos if message["role"] == "assistant" else ""
        parts.append((between if at else "", False))
        parts.append((message["content"] + end, at in trained))
    return Pieces(_joined(parts))


def dialogue_pieces(
    full: str,
    render: Render,
    messages: Messages,
    trained: Sequence[int],
    end_marks: Sequence[str],
    eos: str,
    marked: Sequence[Span] = (),
) -> Pieces:
    """Find the trained answers in a rendered dialogue, the last turn of which is one.

    An answer runs from the end of the prompt, rendered as it is when the answer is to be written,
    through its end mark: the first of the control tokens `end_marks` behind its words. Where the
    template puts none there, `eos` ends the last answer. `marked` are the stretches that the
    template itself marks as the assistant's; where it has one for each answer, loss stays within.
    `trained` are places in `messages`. Raises LeftOut where an answer is not found.
    """
    finder = _Finder(render, messages, full, tuple(end_marks), _by_turn(messages, marked))
    spans = [finder.span(at) for at in trained]
    note = ""
    if None in spans[:-1]:
        spans, trained, note = spans[-1:], trained[-1:], ONLY_LAST
    if spans[-1] is None:
        spans[-1], note = finder.last_by_words(), note or OTHER_START
    found = [span for span in spans if span is not None]
    whole = zip(trained, found, strict=True)
    if not all(messages[at]["content"].strip() in full[a:b] for at, (a, b) in whole):
        note = note or SHORTENED
    start, end = found[-1]
    if not full[start:end].endswith(tuple(end_marks)):
        full = full[:end] + eos
        found[-1] = start, len(full)
    return Pieces(_cut(full, found), note)


@dataclass(frozen=True, slots=True)
class _Finder:
    render: Render
    messages: Messages
    full: str
    end_marks: tuple[str, ...]
    marked: dict[int, Span]

    def span(self, at: int) -> Span | None:
        """Give where an answer stands in the full text.

        None where it does not stand there behind the prompt and in the words that it had before
        later turns followed.
        """
        before = self.render(self.messages[:at], True)
        if at in self.marked:
            start, end = self.marked[at]
            after_prompt = len(before) if self.full.startswith(before) else 0
            return max(start, after_prompt), self._closed(self.full, start, end)
        is_last = at == len(self.messages) - 1
        upto = self.full if is_last else self.render(self.messages[: at + 1], False)
        if not upto.startswith(before):
            return None
        stop = self._end(self.messages[at]["content"].strip(), upto, len(before))
        if stop is None or self.full[:stop] != upto[:stop]:
            return None
        return len(before), stop

    def last_by_words(self) -> Span:
        """Give where the words of the last answer stand; raises LeftOut if they do not."""
        before = self.render(self.messages[:-1], False)
        words = self.messages[-1]["content"].strip()
        start = self.full.rfind(words, len(before) if self.full.startswith(before) else 0)
        if start < 0:
            raise LeftOut("The chat template changes the answer, which is not found again.")
        return start, self._closed(self.full, start, start + len(words))

    def _end(self, words: str, text: str, start: int) -> int | None:
        """Give where the answer with these words ends that begins at `start`, with its end mark."""
        at = _behind_space(text, start)
        if not text.startswith(words, at):
            at = text.rfind(words, start)
        if at >= 0:
            return self._closed(text, start, at + len(words))
        ends = [
            text.find(mark, start) + len(mark) for mark in self.end_marks if mark in text[start:]
        ]
        return min(ends, default=None)

    def _closed(self, text: str, start: int, end: int) -> int:
        """Give the end of an answer with the end mark that it has or that follows it."""
        said = text[start:end].rstrip()
        if said.endswith(self.end_marks):
            return start + len(said)
        behind = _behind_space(text, end)
        marks = [mark for mark in self.end_marks if text.startswith(mark, behind)]
        return behind + max(map(len, marks)) if marks else end


def _by_turn(messages: Messages, marked: Sequence[Span]) -> dict[int, Span]:
    answers = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
    return dict(zip(answers, marked, strict=True)) if len(answers) == len(marked) else {}


def _behind_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _cut(text: str, spans: Sequence[Span]) -> tuple[tuple[str, bool], ...]:
    parts: list[tuple[str, bool]] = []
    done = 0
    for start, end in spans:
        parts += [(text[done:start], False), (text[start:end], True)]
        done = end
    return _joined([*parts, (text[done:], False)])


def _joined(parts: Sequence[tuple[str, bool]]) -> tuple[tuple[str, bool], ...]:
    """Join neighbours that are alike and leave out empty ones."""
    joined: list[tuple[str, bool]] = []
    for text, loss in parts:
        if joined and joined[-1][1] == loss:
            joined[-1] = (joined[-1][0] + text, loss)
        elif text:
            joined.append((text, loss))
    return tuple(joined)
