"""Why a file is left out."""

from __future__ import annotations

from ragopt_tui.errors import RagoptError


class UnreadableDocument(RagoptError):
    """A file that gives no document; the message is the reason, to be shown beside its name."""
