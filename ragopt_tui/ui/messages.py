"""What widgets and workers tell the screen above them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from ragopt_tui.chat.engine_client import EngineState
    from ragopt_tui.chat.exchange import Exchange
    from ragopt_tui.knowledge.scope import Filter
    from ragopt_tui.knowledge.watch import News
    from ragopt_tui.ui.exchange import Evidence
    from ragopt_tui.ui.indexing import Indexing

# Plain classes, because making a dataclass of each would cost a twentieth of the start-up time.


class OpenSource(Message):
    """Open passage `n` (from 1) of some evidence in the document view."""

    def __init__(self, evidence: Evidence, n: int) -> None:
        super().__init__()
        self.evidence, self.n = evidence, n


class ShowSources(Message):
    """Show some evidence in the sources panel, with passage `n` in view (0: none)."""

    def __init__(self, evidence: Evidence, n: int = 0) -> None:
        super().__init__()
        self.evidence, self.n = evidence, n


class CopyCitation(Message):
    """Copy what is cited of passage `n` (from 1) of some evidence, and where it stands."""

    def __init__(self, evidence: Evidence, n: int) -> None:
        super().__init__()
        self.evidence, self.n = evidence, n


class Asked(Message):
    """The user sent a question."""

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question


class ExchangePicked(Message):
    """The user picked the question and answer that actions are about."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self.exchange = exchange


class FilterPicked(Message):
    """The user wants a question asked without one of its filters, or with one taken away before."""

    def __init__(self, exchange: Exchange, filter: Filter) -> None:
        super().__init__()
        self.exchange, self.filter = exchange, filter


class GoOn(Message):
    """Open a conversation about another folder of documents, at one of its exchanges or its end."""

    def __init__(self, docs: str, conversation: int, exchange: int | None) -> None:
        super().__init__()
        self.docs, self.conversation, self.exchange = docs, conversation, exchange


class Command(Message):
    """The user picked an action by its name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class ChooseVariant(Message):
    """The user picked who answers, by the variant's id."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self.variant = variant


class OpenDocument(Message):
    """Open a whole document, at its first line."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file


class TabChosen(Message):
    """The user picked a tab: `chat`, `documents` or `training`."""

    def __init__(self, tab: str) -> None:
        super().__init__()
        self.tab = tab


class IndexChanged(Message):
    """The reading of the documents went on or ended."""

    def __init__(self, indexing: Indexing) -> None:
        super().__init__()
        self.indexing = indexing

    def can_replace(self, message: Message) -> bool:
        """Only the newest state is worth drawing."""
        return isinstance(message, IndexChanged)


class EngineChanged(Message):
    """The engine started, is ready, or died for a reason."""

    def __init__(self, state: EngineState, reason: str) -> None:
        super().__init__()
        self.state, self.reason = state, reason


class IndexOpened(Message):
    """Questions can be answered now; `passages` is 0 where the index holds nothing."""

    def __init__(self, passages: int) -> None:
        super().__init__()
        self.passages = passages


class AnswerDrawn(Message):
    """A whole answer is on the screen; whether its sources changed since is not known yet."""


class FolderNews(Message):
    """Something happened in the folder of documents: it `changed`, or it is `gone`."""

    def __init__(self, news: News) -> None:
        super().__init__()
        self.news = news
