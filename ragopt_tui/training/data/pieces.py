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
    through its end mark: the control tokens (of `end_marks`) behind its words. Where the template
    puts none there, `eos` ends the last answer. `marked` are the stretches that the template itself
    marks as the assistant's; where it has one for each answer, loss stays within. `trained` are
    places in `messages`. Raises LeftOut where an answer is not found.
    """
    finder = _Finder(render, messages, full, tuple(end_marks), _by_turn(messages, marked))
    found = [finder.answer(at) for at in trained]
    note = ""
    if None in found[:-1]:
        found, trained, note = found[-1:], trained[-1:], ONLY_LAST
    answers = [answer for answer in found if answer is not None]
    if len(answers) < len(found):
        raise LeftOut("The chat template changes the answer, which is not found again.")
    if not all(answer.behind_prompt for answer in answers):
        note = note or OTHER_START
    spans = [answer.span for answer in answers]
    said = [full[start:end] for start, end in spans]
    if not all(messages[at]["content"].strip() in s for at, s in zip(trained, said, strict=True)):
        note = note or SHORTENED
    if not said[-1].endswith(tuple(end_marks)):
        start, end = spans[-1]
        full = full[:end] + eos
        spans[-1] = start, len(full)
    return Pieces(_cut(full, spans), note)


@dataclass(frozen=True, slots=True)
class _Answer:
    """Where an answer stands, and whether it begins where the prompt before it ends."""

    span: Span
    behind_prompt: bool = True


@dataclass(frozen=True, slots=True)
class _Finder:
    render: Render
    messages: Messages
    full: str
    end_marks: tuple[str, ...]
    marked: dict[int, Span]

    def answer(self, at: int) -> _Answer | None:
        """Find an answer in the full text.

        None where it does not stand there in the words that it had before later turns followed.
        """
        before = self.render(self.messages[:at], True)
        if at in self.marked:
            return _Answer(self._within(self.marked[at], before))
        is_last = at == len(self.messages) - 1
        upto = self.full if is_last else self.render(self.messages[: at + 1], False)
        words = self.messages[at]["content"].strip()
        behind_prompt = upto.startswith(before)
        start = len(before) if behind_prompt else self._start_of(words, at, upto)
        end = None if start is None else self._end(words, upto, start)
        if start is None or end is None or self.full[:end] != upto[:end]:
            return None
        return _Answer((start, end), behind_prompt)

    def _within(self, marked: Span, before: str) -> Span:
        """Give a marked stretch without what the prompt has already, and with its end mark."""
        start, end = marked
        if self.full.startswith(before):
            start = max(start, len(before))
        while mark := self._mark_at(self.full, start):
            if not before.startswith(mark, start):
                break
            start += len(mark)
        said = self.full[start:end].rstrip()
        if said.endswith(self.end_marks):
            return start, start + len(said)
        behind = _behind_space(self.full, end)
        mark = self._mark_at(self.full, behind)
        return start, behind + len(mark) if mark else end

    def _start_of(self, words: str, at: int, text: str) -> int | None:
        """Give where the words of the last turn of a text begin."""
        earlier = self.render(self.messages[:at], False) if at else ""
        behind = len(earlier) if text.startswith(earlier) else 0
        start = text.rfind(words, behind, self._before_marks(text))
        return None if start < 0 else start

    def _end(self, words: str, text: str, start: int) -> int | None:
        """Give where the last answer of a text ends, with all the control tokens that end it."""
        at = _behind_space(text, start)
        if not text.startswith(words, at):
            at = text.rfind(words, start, self._before_marks(text))
        if at < 0:
            first = [at for mark in self.end_marks if (at := text.find(mark, start)) >= 0]
            return self._behind_marks(text, min(first)) if first else None
        end = at + len(words)
        behind = _behind_space(text, end)
        return self._behind_marks(text, behind) if self._mark_at(text, behind) else end

    def _before_marks(self, text: str) -> int:
        """Give where the control tokens begin that end a text."""
        said = text.rstrip()
        while mark := next((m for m in self.end_marks if m and said.endswith(m)), ""):
            said = said.removesuffix(mark).rstrip()
        return len(said)

    def _behind_marks(self, text: str, at: int) -> int:
        while mark := self._mark_at(text, at):
            at += len(mark)
        return at

    def _mark_at(self, text: str, at: int) -> str:
        """Give the control token that stands at a place, the longest of several; "" for none."""
        return max((m for m in self.end_marks if m and text.startswith(m, at)), key=len, default="")


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
