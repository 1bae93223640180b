"""A training run before it starts: its form and its YAML side by side, its mistakes and its plan."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static, TextArea

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.configuration.checks import missing_errors
from ragopt_tui.training.configuration.config import ConfigError
from ragopt_tui.ui.keys import bindings
from ragopt_tui.ui.screens.confirm import Confirm
from ragopt_tui.ui.screens.line import Line
from ragopt_tui.ui.screens.pick import Pick
from ragopt_tui.ui.train_choices import Choices, read_choices
from ragopt_tui.ui.train_draft import Draft
from ragopt_tui.ui.train_plan import PlanView, planned
from ragopt_tui.ui.train_starting import start
from ragopt_tui.ui.widgets.key_bar import KeyBar
from ragopt_tui.ui.widgets.split_line import SplitLine
from ragopt_tui.ui.widgets.train_form import FieldList, TrainForm, sentence
from ragopt_tui.ui.widgets.train_yaml import TrainYaml
from ragopt_tui.ui.wording import MUTED

_ROOM_FOR_BOTH = 100
_QUIET_SECONDS = 0.15
_PLAN_SECONDS = 0.8
_MOST_ERRORS = 4


class TrainFormScreen(Screen[str | None]):
    """Gives the id of the job that was started, or None where the user went back."""

    CSS_PATH = "../training.tcss"
    AUTO_FOCUS = "FieldList"
    BINDINGS: ClassVar[list[BindingType]] = bindings("training form")

    def __init__(self, title: str, draft: Draft) -> None:
        super().__init__()
        self._title = title
        self._draft = self._began = draft
        self._choices = Choices()
        self._planning = self._wanted = False

    def compose(self) -> ComposeResult:
        """Draw the form beside the YAML, and what is known of the run below."""
        yield SplitLine(Content.styled(self._title, "bold"), id="training-title")
        with Horizontal(id="training-body"):
            yield TrainForm(self._draft, id="training-form")
            with Vertical(id="training-yaml"):
                yield TrainYaml(self._draft.text, id="yaml")
        yield Static("", id="training-errors", markup=False)
        yield Static("", id="training-plan", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Read what there is to choose from, and plan."""
        self._read_choices()
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        """Show one of the two where there is no room for both."""
        self.set_class(event.size.width < _ROOM_FOR_BOTH, "-narrow")
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Take away what changes sides where both stand there."""
        return action != "other_side" or self.has_class("-narrow")

    def action_other_side(self) -> None:
        """Show the YAML in place of the form, or the form again."""
        self.toggle_class("-yaml")
        target = TrainYaml if self.has_class("-yaml") else FieldList
        self.query_one(target).focus()

    @work(exclusive=True, group="start")
    async def action_start_run(self) -> None:
        """Start the run, unless something is wrong with it."""
        # What was typed a moment ago may not have been read yet.
        self._take_text(await asyncio.to_thread(Draft.of_text, self.query_one(TrainYaml).text))
        self._draft = self._draft.with_errors(self._missing())
        if self._draft.errors:
            self._show_errors()
            self.query_one(TrainForm).mark(self._draft.errors[0].key)
            self.notify("It cannot start like this: see below.", severity="warning")
            return
        if self._planning and not self._wanted:
            self._wanted = True
            self.notify("It starts once it has been checked; Ctrl+S again starts it at once.")
            return
        self._wanted = False
        try:
            job = await asyncio.to_thread(start, self._draft.config, self._draft.text)
        except ConfigError as error:
            self._refused(error)
        except RagoptError as error:
            self._refused(ConfigError(error.message, error.hint))
        else:
            self.dismiss(job)

    def action_save_config(self) -> None:
        """Ask for a file and write the YAML there."""

        def given(path: str | None) -> None:
            if path and path.strip():
                self._save(Path(path.strip()).expanduser())

        name = f"{self._draft.config.name or 'run'}.yml"
        self.app.push_screen(Line("Save the configuration as", name, "Enter saves it"), given)

    def action_close_form(self) -> None:
        """Go back; asks first where something was changed."""
        if self.query_one(TrainYaml).text == self._began.text:
            self.dismiss(None)
            return

        def answered(sure: bool | None) -> None:
            if sure:
                self.dismiss(None)

        question = "Leave without starting? What you changed here is lost; Ctrl+O saves it."
        self.app.push_screen(Confirm(question, "Leave", "Stay"), answered)

    @on(TrainForm.Changed)
    def _field_changed(self, event: TrainForm.Changed) -> None:
        draft = self._draft.changed(event.field, event.typed)
        self.query_one(TrainYaml).put(draft.text)
        self._take_text(draft)

    @on(TrainForm.Wanted)
    def _pick(self, event: TrainForm.Wanted) -> None:
        form, field = self.query_one(TrainForm), event.field
        offered = self._choices.of(field.key)
        if not offered:
            form.type_into()
            return

        def picked(at: int | None) -> None:
            if at is not None and at < len(offered):
                self._field_changed(TrainForm.Changed(field, offered[at].value))
            elif at is not None:
                form.mark(field.key)
                form.type_into()

        rows = [Content.assemble(each.name, (f"  {each.about}", MUTED)) for each in offered]
        rows.append(Content.styled("Type it: a path, an id, a name on the hub…", MUTED))
        self.app.push_screen(Pick(field.about.capitalize(), rows, "Enter takes it"), picked)

    @on(TextArea.Changed)
    @work(exclusive=True, group="yaml")
    async def _text_changed(self, event: TextArea.Changed) -> None:
        text = event.text_area.text
        if text == self._draft.text:
            return
        await asyncio.sleep(_QUIET_SECONDS)
        self._take_text(await asyncio.to_thread(Draft.of_text, text))

    @on(OptionList.OptionHighlighted, "#fields")
    def _follow_mark(self) -> None:
        """Have the YAML show the marked setting while it is the form that is used."""
        field = self.query_one(TrainForm).marked()
        yaml = self.query_one(TrainYaml)
        if field is not None and not yaml.has_focus:
            line = self._draft.line(field.key)
            if line:
                yaml.move_cursor((line - 1, 0))

    def _take_text(self, draft: Draft) -> None:
        if draft.text != self._draft.text:
            self._draft = draft
            self._show()

    def _missing(self) -> list[ConfigError]:
        """Give what is not named yet and not told already."""
        told = {error.key for error in self._draft.errors}
        return [error for error in missing_errors(self._draft.config) if error.key not in told]

    def _refused(self, error: ConfigError) -> None:
        self._draft = self._draft.with_errors([error])
        self._show_errors()
        if error.key:
            self.query_one(TrainForm).mark(error.key)

    def _show(self) -> None:
        self.query_one(TrainForm).show(self._draft)
        self._show_errors()
        self._work_out()

    def _show_errors(self) -> None:
        """Tell the mistakes at their lines, in the form and below."""
        draft = self._draft
        self.query_one(TrainForm).show(draft)
        lines = [draft.line_of(error) for error in draft.errors]
        self.query_one(TrainYaml).mark_wrong(line for line in lines if line)
        said = [
            _told(error, line)
            for error, line in zip(draft.errors[:_MOST_ERRORS], lines, strict=False)
        ]
        left = len(draft.errors) - _MOST_ERRORS
        if left > 0:
            said.append(f"… and {left} more")
        shown = self.query_one("#training-errors", Static)
        shown.update(Content.styled("\n".join(said), "$text-error"))
        shown.display = bool(said)
        ready = "Ctrl+S starts it" if not draft.errors else ""
        title = self.query_one("#training-title", SplitLine)
        title.show(Content.styled(self._title, "bold"), Content.styled(ready, MUTED))

    @work(exclusive=True, group="plan")
    async def _work_out(self) -> None:
        """Plan the run in a process of its own once it has been quiet for a moment."""
        self._planning = self._wanted = False
        if self._draft.errors:
            self._show_plan(PlanView())
            return
        self._planning = True
        self._show_plan(PlanView(lines=(("working out the plan…", "quiet"),)))
        await asyncio.sleep(_PLAN_SECONDS)
        draft = self._draft
        view = await planned(draft.text)
        self._planning = False
        self._show_plan(view)
        if draft.text != self._draft.text:
            return
        if view.errors:
            self._draft = draft.with_errors(view.errors)
            self._show_errors()
        elif self._wanted:
            self.action_start_run()

    def _show_plan(self, view: PlanView) -> None:
        shown = self.query_one("#training-plan", Static)
        styles = {"quiet": MUTED, "problem": "$text-warning", "": ""}
        shown.update(
            Content("\n").join([Content.styled(text, styles[kind]) for text, kind in view.lines])
        )
        shown.display = bool(view.lines)

    @work(group="choices")
    async def _read_choices(self) -> None:
        self._choices = await asyncio.to_thread(read_choices)

    @work(group="save")
    async def _save(self, path: Path) -> None:
        text = self.query_one(TrainYaml).text
        try:
            await asyncio.to_thread(_write_new, path, text)
        except FileExistsError:
            self.notify(f"{path} is there already; give another name.", severity="warning")
        except OSError as error:
            why = f"{path} could not be written: {error.strerror or error}."
            self.notify(why, severity="error", markup=False)
        else:
            said = f"Saved; `ragopt-tui train {path}` starts it from the command line."
            self.notify(said, timeout=10, markup=False)


def _told(error: ConfigError, line: int) -> str:
    at = f"line {line}: " if line else ""
    return f"✗ {at}{' '.join(filter(None, [sentence(error), error.hint]))}"


def _write_new(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
