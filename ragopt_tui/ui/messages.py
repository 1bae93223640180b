"""What widgets tell the screen above them."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from ragopt_tui.chat.engine_client import EngineState
from ragopt_tui.ui.exchange import Evidence
from ragopt_tui.ui.indexing import Indexing


@dataclass
class OpenSource(Message):
    """Open passage `n` (from 1) of some evidence in the document view."""

    evidence: Evidence
    n: int


@dataclass
class ShowSources(Message):
    """Show some evidence in the sources panel, with passage `n` in view (0: none)."""

    evidence: Evidence
    n: int = 0


@dataclass
class Asked(Message):
    """The user sent a question."""

    question: str


@dataclass
class Command(Message):
    """The user picked an action by its name."""

    name: str


@dataclass
class ChooseVariant(Message):
    """The user picked who answers, by the variant's id."""

    variant: str


@dataclass
class OpenDocument(Message):
    """Open a whole document, at its first line."""

    file: str


@dataclass
class TabChosen(Message):
    """The user picked a tab: `chat` or `documents`."""

    tab: str


@dataclass
class CopyCitation(Message):
    """Copy what is cited of passage `n` (from 1) of some evidence, and where it stands."""

    evidence: Evidence
    n: int


@dataclass
class IndexChanged(Message):
    """The reading of the documents went on or ended."""

    indexing: Indexing

    def can_replace(self, message: Message) -> bool:
        """Only the newest state is worth drawing."""
        return isinstance(message, IndexChanged)


@dataclass
class EngineChanged(Message):
    """The engine started, is ready, or died for a reason."""

    state: EngineState
    reason: str


@dataclass
class IndexOpened(Message):
    """Questions can be answered now; `passages` is 0 where the index holds nothing."""

    passages: int
