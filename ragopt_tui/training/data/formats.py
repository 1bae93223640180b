"""The formats of data sets: which columns each has, and how a row of it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ragopt_tui.training.data.example import Evidence, Example, Message
from ragopt_tui.training.data.raft import raft_evidence
from ragopt_tui.training.data.turns import BadRow, dialogue, optional_text, text_of

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """What a format reads, by its own name, and the other names that its column goes by.

    A column called `rather` is taken before one with the own name.
    """

    name: str
    others: tuple[str, ...] = ()
    needed: bool = True
    rather: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order in which they are looked for."""
        return tuple(name for name in (self.rather, self.name, *self.others) if name)


@dataclass(frozen=True, slots=True)
class Format:
    """A format: `read` makes an example of the values of its columns, or raises BadRow."""

    name: str
    about: str
    columns: tuple[Column, ...]
    read: Callable[[Values], Example]


_QUESTION = Column("question", ("query", "q"))
_ANSWER = Column("answer", ("response", "answers", "ground_truth", "reference", "output", "a"))
_EVIDENCE = Column(
    "evidence", ("evidence_text", "context", "contexts", "passage", "excerpt"), needed=False
)
_FILE = Column("file", ("document", "doc", "filename", "doc_name", "source", "title"), needed=False)
_SYSTEM = Column("system", ("system_prompt",), needed=False)


def _turns(system: object, user: str, answer: str) -> tuple[Message, ...]:
    said = optional_text(system, "system")
    before = (Message("system", said),) if said else ()
    return (*before, Message("user", user), Message("assistant", answer, True))


def _read_alpaca(row: Values) -> Example:
    asked = text_of(row.get("instruction"), "instruction")
    given = optional_text(row.get("input"), "input")
    answer = text_of(row.get("output"), "output")
    return Example(_turns(row.get("system"), f"{asked}\n\n{given}" if given else asked, answer))


def _read_question_answer(row: Values) -> Example:
    question = text_of(row.get("question"), "question")
    answer = text_of(row.get("answer"), "answer")
    evidence: tuple[Evidence, ...] = ()
    if "evidence" in row:
        file = optional_text(row.get("file"), "file")
        evidence = (Evidence(text_of(row.get("evidence"), "evidence"), True, file),)
    return Example(_turns(row.get("system"), question, answer), evidence=evidence)


def _read_messages(row: Values) -> Example:
    turns = row.get("messages")
    if turns is None:
        raise BadRow("messages is missing")
    between = row.get("between")
    example = Example(dialogue(turns), between="\n\n" if between is None else str(between))
    passages = row.get("evidence")
    if not passages:
        return example
    if sum(message.role == "assistant" for message in example.messages) != 1:
        raise BadRow("evidence belongs to one question and its answer, this dialogue has more")
    return replace(example, evidence=raft_evidence(passages, None))


def _read_sharegpt(row: Values) -> Example:
    turns = row.get("conversations")
    if turns is None:
        raise BadRow("conversations is missing")
    messages = dialogue(turns, "conversations")
    system = optional_text(row.get("system"), "system")
    if system and messages[0].role != "system":
        messages = (Message("system", system), *messages)
    return Example(messages)


def _read_prompt_completion(row: Values) -> Example:
    prompt, completion = row.get("prompt"), row.get("completion")
    if isinstance(prompt, list) or isinstance(completion, list):
        answers = dialogue(completion, "completion")
        turns = [*(prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}])]
        # Only what is to be completed carries loss, not the answers in the prompt.
        read = dialogue([*turns, *_as_list(completion)], "prompt")
        asked = (replace(turn, trained=False) for turn in read[: -len(answers)])
        return Example((*asked, *answers))
    said = text_of(prompt, "prompt"), text_of(completion, "completion")
    return Example(_turns(None, *said), between="")


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _read_raft(row: Values) -> Example:
    question = text_of(row.get("question"), "question")
    answer = text_of(row.get("answer"), "answer")
    evidence = raft_evidence(row.get("documents"), row.get("oracle"))
    return Example(_turns(row.get("system"), question, answer), evidence=evidence)


def _read_text(row: Values) -> Example:
    return Example(text=text_of(row.get("text"), "text"))


FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format(
            "messages",
            "dialogues: messages, each with role and content",
            (
                Column("messages", ("conversation", "dialogue")),
                Column("evidence", needed=False),
                Column("between", needed=False),
            ),
            _read_messages,
        ),
        Format(
            "sharegpt",
            "dialogues of ShareGPT: conversations, each turn with from and value",
            (Column("conversations"), _SYSTEM),
            _read_sharegpt,
        ),
        Format(
            "raft",
            "RAFT: a question, documents with the oracle among them, an answer with its reasoning",
            (
                _QUESTION,
                Column("documents", ("context", "contexts")),
                Column("oracle", ("oracle_context", "oracle_document"), needed=False),
                # RAFT's own script writes the answer with its reasoning beside a short one.
                Column("answer", ("response", "output"), rather="cot_answer"),
                _SYSTEM,
            ),
            _read_raft,
        ),
        Format(
            "alpaca",
            "Alpaca: instruction, input and output",
            (Column("instruction"), Column("input", needed=False), Column("output"), _SYSTEM),
            _read_alpaca,
        ),
        Format(
            "question-answer",
            "a question, its answer and the evidence that the answer is from",
            (_QUESTION, _ANSWER, _EVIDENCE, _FILE, _SYSTEM),
            _read_question_answer,
        ),
        Format(
            "prompt-completion",
            "a prompt and what follows it",
            (Column("prompt"), Column("completion", ("response",))),
            _read_prompt_completion,
        ),
        Format("text", "text to read on, such as paragraphs", (Column("text"),), _read_text),
    )
}
