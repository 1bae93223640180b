"""Readers: one file format each, all giving a Document."""

from __future__ import annotations

from ragopt_tui.knowledge.readers.errors import UnreadableDocument
from ragopt_tui.knowledge.readers.read import READABLE_SUFFIXES, read_document

__all__ = ["READABLE_SUFFIXES", "UnreadableDocument", "read_document"]
