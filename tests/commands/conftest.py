"""What several commands are tested with."""

from __future__ import annotations

from tests.models.conftest import hub as hub
