"""A store in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ragopt_tui.chat.conversations.store import ConversationStore
from tests.chat.conversations.exchanges import opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chats.db"


@pytest.fixture
def store(file: Path) -> Iterator[ConversationStore]:
    store = opened(file)
    yield store
    store.close()
