"""Who speaks in a transcript: the names that stand before what is said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ragopt_tui.knowledge.document import Block
from ragopt_tui.knowledge.structure import without_marks

_LONGEST_NAME = 80
_FIRST_CHARACTERS = 20_000
_NAME = r"[A-Z][\w.'’\-]*(?:\s+(?:[A-Z][\w.'’\-]*|van|von|de|der|den|la)){0,4}"
_BEFORE_COLON = re.compile(rf"^({_NAME}(?:\s*[,(–—-]\s*[^:.!?]{{2,60}}?)?)\s*:")
_TRANSCRIPT = re.compile(
    r"\btranscript\b|\bconference call\b|\bearnings call\b|\bquestions?[- ]and[- ]answers?\b|\bQ&A\b"
    r"|^[^\w\n]{0,8}(?:operator|moderator)\b",
    re.IGNORECASE | re.MULTILINE,
)
_ALONE = re.compile(rf"^{_NAME}(?:\s*[,(–—|-]+\s*[^.!?:]{{2,60}})?$")


def speakers_of(text: str, blocks: Sequence[Block]) -> dict[int, str]:
    """Give the speaker's line by the start of each paragraph that names one.

    Empty unless the text is a transcript and names recur, as they do where people talk in turn.
    """
    if not _TRANSCRIPT.search(text, 0, _FIRST_CHARACTERS):
        return {}
    named: dict[int, str] = {}
    for block in blocks:
        if block.kind == "paragraph":
            name = _speaker(text[block.start : block.end])
            if name:
                named[block.start] = name
    counts = Counter(_key(name) for name in named.values())
    recurring = {name for name, count in counts.items() if count >= 2}
    turns = sum(counts[name] for name in recurring)
    if len(recurring) < 2 or turns < 4:
        return {}
    return named


def _speaker(paragraph: str) -> str:
    first, _, rest = paragraph.strip().partition("\n")
    line = without_marks(first[: 4 * _LONGEST_NAME])
    if found := _BEFORE_COLON.match(line):
        return found[1].strip() if len(found[1]) <= _LONGEST_NAME else ""
    if len(line.split()) < 2 and line.lower() not in ("operator", "moderator"):
        return ""
    is_short = len(line) <= _LONGEST_NAME and _ALONE.match(line) is not None
    following = rest.strip().split("\n")[0]
    speaks = not rest or len(following) > len(line) or following.endswith((".", "?", "!"))
    return line if is_short and speaks else ""


def _key(line: str) -> str:
    return re.split(r"\s*[,(–—|]|\s-\s", line)[0].lower()
