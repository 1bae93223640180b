"""Which model ended the engine: one whose loading native code did not survive."""

from __future__ import annotations

import contextlib
import re
import signal
from dataclasses import dataclass
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import folders

_BLAMED = {signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE}
_SAID = re.compile(r"llama\.cpp: (?:\S*?\.\w+:\d+: )?(.*)")
_LONGEST_REASON = 160
_KNOWN_REASONS = {"token_to_id": "two tokens of its vocabulary have the same text"}


@dataclass(frozen=True, slots=True)
class Loading:
    """A variant that the engine began to load, and how long its log was then."""

    variant: str
    log: Path
    log_bytes: int

    @classmethod
    def begun(cls, variant: str) -> Loading:
        """Note that loading begins now."""
        log = folders().logs / "engine.log"
        return cls(variant, log, log.stat().st_size if log.is_file() else 0)

    def told(self, death: str, status: int) -> str:
        """Add to the sentence of a death what was being loaded, and why that failed.

        A model that crashed native code is marked as broken, if it is in the library.
        """
        # Here, as the interface imports this for its first frame.
        from ragopt_tui.models.store import VariantStore

        store = VariantStore(folders().models)
        variant = store.known(self.variant)
        what = f"{variant.variant.name} ({variant.variant.path})" if variant else self.variant
        reason = self._reason()
        sentence = f"{death.rstrip('.')} while it loaded {what}{f': {reason}' if reason else ''}."
        if variant and -status in _BLAMED:
            with contextlib.suppress(RagoptError):
                store.mark(self.variant, sentence)
        return sentence

    def _reason(self) -> str:
        """Give the last words of llama.cpp in the engine's log."""
        try:
            with self.log.open("rb") as stream:
                stream.seek(min(self.log_bytes, self.log.stat().st_size))
                text = stream.read().decode("utf-8", errors="replace")
        except OSError:
            return ""
        said = _SAID.findall(text)
        if not said:
            return ""
        known = (reason for words, reason in _KNOWN_REASONS.items() if words in said[-1])
        return next(known, one_line(said[-1], _LONGEST_REASON).rstrip("."))
