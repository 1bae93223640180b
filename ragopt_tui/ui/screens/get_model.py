"""Choosing a model of the hub: by its id, by a search, or from what is suggested for this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.ui.variant_words import amount, size
from ragopt_tui.ui.wording import MUTED, shorten

if TYPE_CHECKING:
    from ragopt_tui.models.hub import Found, HubModel
    from ragopt_tui.models.suggestions import Fitting

_HINT = "Enter looks it up, and shows what can be fetched · Esc goes back"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be fetched; `file` is "" for the Hugging Face folder, else a GGUF file's name."""

    repository: str
    revision: str
    file: str


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the list: a repository to look up, or words to search the hub for."""

    what: Literal["repository", "search"]
    text: str
    drawn: Content
    file: str = ""


class GetModel(ModalScreen[Wanted | None]):
    """Gives what was chosen, or None where the user went back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._offered: list[_Row] = []
        self._rows: list[_Row] = []

    def compose(self) -> ComposeResult:
        """Draw the field, what may be meant, and what is going on."""
        with Vertical(classes="dialog -wide"):
            yield Static("Get a model from the hub", classes="dialog-title", markup=False)
            yield Input(placeholder="owner/name, owner/name@revision, or words", compact=True)
            yield Static("", id="hub-state", markup=False)
            yield OptionList(id="hub-list")
            yield Static(_HINT, classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Offer what is suggested."""
        self.query_one(OptionList).can_focus = False
        self._list()
        self._suggest()

    @on(Input.Changed)
    def _list(self) -> None:
        typed = " ".join(self.query_one(Input).value.split())
        words = typed.lower().split()
        rows = [row for row in self._offered if all(word in row.text.lower() for word in words)]
        if "/" in typed:
            rows.insert(0, _Row("repository", typed, Content(f"Look up {one_line(typed, 90)}")))
        elif typed:
            rows.append(
                _Row("search", typed, Content(f"Search the hub for “{one_line(typed, 60)}”"))
            )
        self._show(rows)

    @on(Input.Submitted)
    @on(OptionList.OptionSelected)
    def _take(self) -> None:
        at = self.query_one(OptionList).highlighted
        if at is None or at >= len(self._rows):
            return
        row = self._rows[at]
        if row.what == "search":
            self._search(row.text)
        else:
            self._look_up(row.text, row.file)

    def action_move(self, by: int) -> None:
        """Mark another line while the field keeps the keys."""
        shown = self.query_one(OptionList)
        if self._rows:
            shown.highlighted = max(0, min(len(self._rows) - 1, (shown.highlighted or 0) + by))

    @work
    async def _suggest(self) -> None:
        """Offer what fits into the memory of this machine."""
        try:
            fitting = await asyncio.to_thread(_fitting)
        except RagoptError as error:
            self._say(str(error), problem=True)
            return
        self._offered = [
            _Row("repository", each.suggestion.repository, _suggested(each), each.suggestion.file)
            for each in fitting
        ]
        if not self.query_one(Input).value:
            self._say("Suggested for the memory of this machine:")
            self._list()

    @work(exclusive=True, group="hub")
    async def _search(self, text: str) -> None:
        from ragopt_tui.models.hub import hub_token, search

        self._say(f"searching the hub for {text}…")
        try:
            found = await asyncio.to_thread(lambda: search(text, hub_token(Path.cwd())))
        except RagoptError as error:
            self._say(str(error), problem=True)
            return
        self._say("" if found else "The hub has no such model with safetensors or GGUF files.")
        self._show([_Row("repository", each.id, _found(each)) for each in found])

    @work(exclusive=True, group="hub")
    async def _look_up(self, typed: str, file: str) -> None:
        """Ask the hub what there is, and fetch `file` or what the user picks of it."""
        from ragopt_tui.models.hub import hub_token, look_up

        repository, _, revision = typed.partition("@")
        revision = revision or "main"
        self._say(f"asking the hub about {typed}…")
        try:
            model = await asyncio.to_thread(
                lambda: look_up(repository, revision, hub_token(Path.cwd()))
            )
        except RagoptError as error:
            self._say(str(error), problem=True)
            return
        if file:
            self.dismiss(Wanted(model.id, revision, file))
        else:
            self._choose(model, revision)

    def _choose(self, model: HubModel, revision: str) -> None:
        from ragopt_tui.models.hub_files import chosen
        from ragopt_tui.ui.screens.pick import Pick

        offers = model.offers
        if not offers:
            try:
                chosen(model.id, model.files, "")
            except RagoptError as error:
                self._say(str(error), problem=True)
            return
        self._say("")

        def picked(at: int | None) -> None:
            if at is not None:
                self.dismiss(Wanted(model.id, revision, offers[at].file))

        rows = [
            Content.assemble(f"{size(each.size):>8}  ", shorten(each.label, 56)) for each in offers
        ]
        about = " · ".join(filter(None, [model.licence, "gated" if model.gated else ""]))
        title = f"{shorten(model.id, 50)}{f' ({about})' if about else ''}"
        self.app.push_screen(Pick(title, rows, "Enter fetches it"), picked)

    def _say(self, sentence: str, problem: bool = False) -> None:
        style = "$text-warning" if problem else MUTED
        said = Content.styled(f"! {sentence}" if problem else sentence, style)
        self.query_one("#hub-state", Static).update(said)

    def _show(self, rows: Sequence[_Row]) -> None:
        self._rows = list(rows)
        shown = self.query_one(OptionList)
        shown.clear_options()
        # One line each, whatever the width: what is said last is least.
        room = max(20, self.query_one(Input).size.width - 3)
        shown.add_options([Option(row.drawn.truncate(room, ellipsis=True)) for row in rows])
        shown.display = bool(rows)
        if rows:
            shown.highlighted = 0


def _fitting() -> list[Fitting]:
    from ragopt_tui.models.machine import this_machine
    from ragopt_tui.models.suggestions import fitting

    return fitting(this_machine())


def _suggested(fitting: Fitting) -> Content:
    model = fitting.suggestion
    about = [
        size(model.gigabytes * 1e9),
        model.file,
        "in nf4" if fitting.precision == "nf4" else "",
        model.licence,
        "gated" if model.gated else "",
    ]
    said = " · ".join(filter(None, about))
    return Content.assemble(shorten(model.repository, 50), (f"  {said}", MUTED))


def _found(found: Found) -> Content:
    parameters = amount(found.parameters) if found.parameters else ""
    about = [parameters, " ".join(found.formats), "gated" if found.gated else ""]
    said = " · ".join(filter(None, [*about, f"{found.downloads:,} downloads"]))
    return Content.assemble(shorten(found.id, 50), (f"  {said}", MUTED))
