"""Examples that are the same, and questions that stand on two sides of a split."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ragopt_tui.plaintext import one_line
from ragopt_tui.training.data.example import Example
from ragopt_tui.training.data.record import SPLITS, Split

_SHOWN = 20
_BETWEEN_WORDS = re.compile(r"[^\w%$€£]+")


@dataclass(frozen=True, slots=True)
class Leak:
    """An example that a split before has too: the whole of it, or only its question."""

    split: Split
    place: str
    other_split: Split
    other_place: str
    whole: bool
    text: str


@dataclass(frozen=True, slots=True)
class Overlap:
    """`duplicates` counts, by split, examples that stand there before.

    `same_examples` and `same_questions` count the examples of validation and test that, or of which
    only the question, a split before has (the order is train, validation, test). `leaks` are the
    first of them.
    """

    duplicates: dict[Split, int]
    same_examples: int
    same_questions: int
    leaks: tuple[Leak, ...]

    def to_json(self) -> dict[str, Any]:
        """Give the values as JSON has them."""
        return asdict(self)


def plain_words(text: str) -> str:
    """Give a text without case, punctuation and spacing: so normalised, questions are the same."""
    return _BETWEEN_WORDS.sub(" ", text.casefold()).strip()


def sameness(example: Example) -> str:
    """Give what two examples share that are the same."""
    turns = [f"{turn.role} {plain_words(turn.content)}" for turn in example.messages]
    return "\n".join([*turns, *_given(example)])


def same_prompt(example: Example) -> str:
    """Give what two examples share that ask the same from the same evidence."""
    before = [plain_words(turn.content) for turn in example.messages if not turn.trained]
    return "\n".join([*before, *_given(example)])


def overlap_of(splits: Mapping[Split, Sequence[Example]]) -> Overlap:
    """Look for the same examples within each split, and across splits also for the same question."""
    duplicates = {split: _repeated(map(sameness, splits.get(split, ()))) for split in SPLITS}
    examples: dict[str, tuple[Split, str]] = {}
    questions: dict[str, tuple[Split, str]] = {}
    leaks: list[Leak] = []
    for split in SPLITS:
        known = splits.get(split, ())
        keys = [(sameness(each), _question(each), each) for each in known]
        for same, question, each in keys:
            first = examples.get(same) or questions.get(question)
            if first:
                text = one_line(each.question or each.text, 120)
                leaks.append(Leak(split, each.place, *first, whole=same in examples, text=text))
        for same, question, each in keys:
            examples.setdefault(same, (split, each.place))
            if question:
                questions.setdefault(question, (split, each.place))
    whole = sum(leak.whole for leak in leaks)
    return Overlap(duplicates, whole, len(leaks) - whole, tuple(leaks[:_SHOWN]))


def _given(example: Example) -> list[str]:
    passages = [plain_words(each.text) for each in example.evidence]
    return [*passages, plain_words(example.text)]


def _question(example: Example) -> str:
    return " ".join(plain_words(turn.content) for turn in example.messages if turn.role == "user")


def _repeated(keys: Iterable[str]) -> int:
    listed = list(keys)
    return len(listed) - len(set(listed))
