"""One example to train on: a dialogue, or text to read on, as a data set keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """A turn of a dialogue; `trained` turns, which only the assistant's can be, carry loss."""

    role: Role
    content: str
    trained: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give the turn as chat files have it; `weight` 0 marks an answer without loss."""
        values: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.role == "assistant" and not self.trained:
            values["weight"] = 0
        return values


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that a question is to be answered from.

    `oracle` passages hold the answer, the others distract; `file` is the document it is from, ""
    where the data do not say.
    """

    text: str
    oracle: bool = True
    file: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give the values that `Example.from_json` reads."""
        return {"text": self.text, "oracle": self.oracle, "file": self.file}


@dataclass(frozen=True, slots=True)
class Example:
    """A dialogue in `messages`, or else `text`, all of which is trained on."""

    messages: tuple[Message, ...] = ()
    text: str = ""
    evidence: tuple[Evidence, ...] = ()
    """Passages behind the last question, in the order in which they are numbered."""

    between: str = "\n\n"
    """What stands between turns where no chat template is used."""

    group: str = ""
    """The document or company it belongs to; a group is never on two sides of a split."""

    place: str = ""
    """Where it comes from, such as `line 12`."""

    @property
    def question(self) -> str:
        """What the last trained answer answers; "" where there is no dialogue."""
        at = self._last_trained()
        asked = [turn.content for turn in self.messages[:at] if turn.role == "user"]
        return asked[-1] if asked else ""

    @property
    def answer(self) -> str:
        """The last trained answer; "" where there is none."""
        at = self._last_trained()
        return self.messages[at].content if at else ""

    def _last_trained(self) -> int:
        places = [at for at, turn in enumerate(self.messages) if turn.trained]
        return places[-1] if places else 0

    def to_json(self) -> dict[str, Any]:
        """Give the example as one line of a stored set; `from_json` reverses it.

        A dialogue's line is one of TRL's conversational format as well.
        """
        values: dict[str, Any] = {}
        if self.messages:
            values["messages"] = [message.to_json() for message in self.messages]
        if self.text:
            values["text"] = self.text
        if self.evidence:
            values["evidence"] = [passage.to_json() for passage in self.evidence]
        if self.between != "\n\n":
            values["between"] = self.between
        return values | {"group": self.group, "place": self.place}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Example:
        """Rebuild an example from `to_json`'s values; raises KeyError or TypeError for others."""
        return cls(
            messages=tuple(_message(each) for each in values.get("messages", ())),
            text=str(values.get("text", "")),
            evidence=tuple(Evidence(**each) for each in values.get("evidence", ())),
            between=str(values.get("between", "\n\n")),
            group=str(values.get("group", "")),
            place=str(values.get("place", "")),
        )


def _message(values: Mapping[str, Any]) -> Message:
    role: Role = values["role"]
    trained = role == "assistant" and values.get("weight", 1) != 0
    return Message(role, str(values["content"]), trained)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row was left out, or what is odd about it; `place` is such as `line 12`."""

    place: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Give the values as JSON has them."""
        return {"place": self.place, "reason": self.reason}
