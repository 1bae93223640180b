"""The prompt: numbered passages and the question, fitted into the model's context."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ragopt_tui.chat.backends import Messages, prompt_too_long
from ragopt_tui.chat.builtin_prompt import builtin_content, builtin_lines
from ragopt_tui.knowledge.passage import Hit, Passage
from ragopt_tui.knowledge.scoring import ScoredUnit

REFUSAL = "The documents do not say."

_SYSTEM = (
    "You answer questions about financial documents from numbered passages of them.\n"
    "- Use only what the passages say. Do not add knowledge of your own, and do not calculate "
    "unless asked to.\n"
    "- Answer in one to three sentences, without introduction.\n"
    "- After each statement write the number of the passage it comes from in square brackets, "
    "like [1] or [2].\n"
    "- Write each figure as the passage writes it, with its unit and its period. Mind which "
    "company, segment and year each passage is about, and whether it states thousands or millions.\n"
    f"- If the passages do not answer the question, reply with exactly this sentence: {REFUSAL}"
)
# Room for the turn marks of chat templates and for tokens that merge differently when joined.
_TEMPLATE_TOKENS = 48
_REFUSAL_FORMS = re.compile(
    r"(?:i'?m sorry,? (?:but )?|unfortunately,? |sorry,? (?:but )?)?"
    r"(?:(?:(?:the|these|those|provided|given|available|numbered) )*"
    r"(?:documents?|passages?|texts?|sources?|context)(?: provided| given)? (?:do|does|did)"
    r"(?: not|n't) (?:say|state|contain|mention|answer|provide|specify|disclose)\b"
    r"|(?:there is )?no (?:information|mention)\b"
    r"|i (?:can ?not|can't|could not|couldn't) (?:answer|find|determine)\b)"
)
_CITED = re.compile(r"\[\d")
_ONLY_CITATIONS = re.compile(r"(?:\[[\d,; –-]*\][\s.]*)*")
_LONGEST_REFUSAL = 40


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is given; it shows the first `used` passages of the evidence."""

    messages: Messages
    used: int


def build_prompt(
    question: str,
    evidence: Sequence[Hit],
    *,
    builtin: bool,
    count_tokens: Callable[[str], int],
    room: int,
    system: str = "",
    units: Sequence[ScoredUnit] = (),
) -> Prompt:
    """Number the passages before the question, leaving out the last ones that do not fit.

    `room` is the tokens that the prompt may have. Of a single passage that is too long, the
    beginning is used. `system` is what the user wants said before the rules of this program; the
    built-in model, which was trained on one wording, is not told. That model is shown `units` of
    the passages, best first, instead of whole passages. Raises RagoptError if the question alone
    is too long.
    """
    question = " ".join(question.split())
    if builtin:
        lines = builtin_lines(question, units, evidence)
        return _of_lines(question, evidence, lines, count_tokens, room)
    passages = [_numbered(n, hit.passage) for n, hit in enumerate(evidence, start=1)]
    bare = _messages(question, [], system)
    fixed = sum(count_tokens(message["content"]) for message in bare) + _TEMPLATE_TOKENS
    used = _how_many_fit(passages, room - fixed, count_tokens)
    if passages and not used:
        first = _shortened(passages[0], room - fixed, count_tokens)
        if not first:
            raise prompt_too_long(fixed, room)
        return Prompt(_messages(question, [first], system), 1)
    return Prompt(_messages(question, passages[:used], system), used)


def _of_lines(
    question: str,
    evidence: Sequence[Hit],
    lines: Sequence[str],
    count_tokens: Callable[[str], int],
    room: int,
) -> Prompt:
    fixed = count_tokens(builtin_content(question, [])) + _TEMPLATE_TOKENS
    fitting = _how_many_fit(lines, room - fixed, count_tokens)
    if lines and not fitting:
        raise prompt_too_long(fixed, room)
    content = builtin_content(question, lines[:fitting])
    return Prompt([{"role": "user", "content": content}], len(evidence))


def _how_many_fit(texts: Sequence[str], room: int, count_tokens: Callable[[str], int]) -> int:
    for used, text in enumerate(texts):
        room -= count_tokens(text) + 2
        if room < 0:
            return used
    return len(texts)


def is_refusal(text: str) -> bool:
    """Whether an answer says, in the words asked for or near them, that the evidence is silent.

    An answer that cites something, or goes on to say much, is none.
    """
    if len(text.split()) > _LONGEST_REFUSAL:
        return False
    plain = re.sub(r"[*_`\"“”>#]", "", text).replace("’", "'").strip().lower()
    match = _REFUSAL_FORMS.match(plain)
    if not match:
        return False
    rest = plain[match.end() :].lstrip(" .")
    return bool(_ONLY_CITATIONS.fullmatch(rest)) or not _CITED.search(rest)


def _messages(question: str, passages: Sequence[str], system: str) -> Messages:
    body = "\n\n".join(passages)
    content = f"Passages:\n\n{body}\n\nQuestion: {question}"
    rules = f"{system}\n\n{_SYSTEM}" if system else _SYSTEM
    return [{"role": "system", "content": rules}, {"role": "user", "content": content}]


def _numbered(n: int, passage: Passage) -> str:
    about = [passage.file, passage.profile.header, " › ".join(passage.headings)]
    return f"[{n}] ({' · '.join(part for part in about if part)})\n{_body(passage)}"


def _body(passage: Passage) -> str:
    return f"{passage.lead}\n{passage.text}" if passage.lead else passage.text


def _shortened(text: str, room: int, count_tokens: Callable[[str], int]) -> str:
    """Give the longest beginning of whole words that has at most `room` tokens."""
    words = text.split(" ")
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens(" ".join(words[:middle])) <= room:
            low = middle
        else:
            high = middle - 1
    # The number and the file's name alone are no passage.
    return " ".join(words[:low]) if low > 2 else ""
