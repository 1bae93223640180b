"""What an example is to a model: its tokens, and which of them carry loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ragopt_tui.errors import RagoptError

Template = Literal["auto", "evidence", "chat", "none"]
"""How a dialogue becomes text.

`chat`: the model's chat template around the dialogue alone. `evidence`: the chat pane's own prompt
of question and passages, in the chat template. `none`: the turns' texts as they stand, what is in
`Example.between` between them, the end-of-sequence token behind each answer. `auto`: `evidence` for
examples that have evidence, `chat` for other dialogues.
"""


@dataclass(frozen=True, slots=True)
class Rendered:
    """`ids` are what the model reads, `loss` says for each whether it is learned.

    The first token never is: nothing stands before it that it could be told from. `truncated` says
    that the end was cut off, or evidence left out for want of room; `length` is how many tokens
    there were before the cut. `note` says why the mask is coarser than asked for, "" where it is
    not.
    """

    ids: tuple[int, ...]
    loss: tuple[bool, ...]
    truncated: bool = False
    note: str = ""
    length: int = 0


class LeftOut(RagoptError):
    """An example that cannot be trained on with this model and length; the message says why."""
