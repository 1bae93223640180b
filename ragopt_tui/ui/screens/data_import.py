"""What to import as a data set: what is found there is said before anything is kept."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui.data_words import check_result
from ragopt_tui.ui.train_command import answered
from ragopt_tui.ui.wording import MUTED

_FIELDS = {
    "place": ("from", "~/data/questions.csv, a folder, or owner/name of the hub"),
    "name": ("name", "as the file"),
    "format": ("format", "auto, messages, raft, alpaca, question-answer, text…"),
    "columns": ("columns", "found by their names, or question=Q, answer=A"),
    "group": ("group by", "a column: its rows stay on one side of a split"),
    "validation": ("validation", "0, a share such as 0.1, or a number of rows"),
    "test": ("test", "0, a share such as 0.1, or a number of rows"),
}


class DataImport(ModalScreen[str | None]):
    """Gives the id of the job that imports, or None where the user went back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("ctrl+s", "begin", "Import", priority=True),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def compose(self) -> ComposeResult:
        """Draw the fields and what is found."""
        with Vertical(classes="dialog -wide"):
            yield Static("Import a data set", classes="dialog-title", markup=False)
            for name, (label, about) in _FIELDS.items():
                with Horizontal(classes="field"):
                    yield Static(label, markup=False)
                    yield Input(compact=True, placeholder=about, id=f"import-{name}")
            yield Static("", id="import-found", markup=False)
            hint = "Enter says what is found · Ctrl+S imports it · Esc goes back"
            yield Static(hint, classes="dialog-hint", markup=False)

    @on(Input.Submitted)
    @work(exclusive=True, group="check")
    async def _check(self) -> None:
        """Say what an import would give."""
        place = self._typed("place")
        if not place:
            return
        self._say(Content.styled("looking at it…", MUTED))
        try:
            values = await answered("data", "import", place, *self._options(), "--check", "--json")
        except RagoptError as error:
            self._say(Content.styled(f"! {error}", "$text-warning"))
        else:
            self._say(check_result(values))

    @work(exclusive=True, group="begin")
    async def action_begin(self) -> None:
        """Start the import."""
        place = self._typed("place")
        if not place:
            self._say(Content.styled("! Say where it is.", "$text-warning"))
            return
        try:
            job = await asyncio.to_thread(self._start, place, self._values())
        except (RagoptError, ValueError) as error:
            self._say(Content.styled(f"! {error}", "$text-warning"))
        else:
            self.dismiss(job)

    def _start(self, place: str, values: dict[str, Any]) -> str:
        from ragopt_tui.training.data.starting import start_import

        return start_import(place, **values).id

    def _values(self) -> dict[str, Any]:
        shares = {name: _share(name, self._typed(name)) for name in ("validation", "test")}
        return {
            "name": self._typed("name"),
            "format": self._typed("format") or "auto",
            "columns": _columns(self._typed("columns")),
            "group": self._typed("group"),
            **shares,
        }

    def _options(self) -> list[str]:
        options = [
            f"--column={what}={name}" for what, name in _columns(self._typed("columns")).items()
        ]
        for name in ("name", "format", "group", "validation", "test"):
            if typed := self._typed(name):
                options.append(f"--{name}={typed}")
        return options

    def _typed(self, name: str) -> str:
        return self.query_one(f"#import-{name}", Input).value.strip()

    def _say(self, said: Content) -> None:
        self.query_one("#import-found", Static).update(said)


def _columns(typed: str) -> dict[str, str]:
    """Read `question=Q, answer=A`; what names no column is left for the import to refuse."""
    pairs = [part.partition("=") for part in typed.split(",") if part.strip()]
    return {what.strip(): name.strip() for what, _, name in pairs}


def _share(name: str, typed: str) -> float:
    try:
        return float(typed or 0)
    except ValueError:
        raise RagoptError(f"{name} is no number: {typed}.", "Write 0.1 or 50.") from None
