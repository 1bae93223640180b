"""The conversation with the prompt below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import OptionList, Static, TextArea

from ragopt_tui.ui.actions import slash_commands
from ragopt_tui.ui.messages import Asked, Command
from ragopt_tui.ui.widgets.conversation import Conversation
from ragopt_tui.ui.widgets.prompt import Prompt
from ragopt_tui.ui.widgets.split_line import SplitLine

if TYPE_CHECKING:
    from ragopt_tui.ui.widgets.completion import Completion


class ChatPane(Vertical):
    """Takes questions and commands and passes them on."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._commands: Completion | None = None

    def compose(self) -> ComposeResult:
        """Draw the conversation, the list of commands, the prompt and the line below it."""
        yield Conversation(id="conversation")
        with Horizontal(id="asking"):
            yield Static("›", id="prompt-mark", markup=False)
            yield Prompt(id="prompt")
        yield SplitLine(id="status")

    @property
    def conversation(self) -> Conversation:
        """The questions and answers."""
        return self.query_one(Conversation)

    @property
    def prompt(self) -> Prompt:
        """Where questions are typed."""
        return self.query_one(Prompt)

    @property
    def status(self) -> SplitLine:
        """The line below the prompt: the documents, and who answers."""
        return self.query_one("#status", SplitLine)

    @on(TextArea.Changed)
    async def _narrow_commands(self) -> None:
        if self._commands is None and self.prompt.text.startswith("/"):
            # Mounted with the first slash: the first frame does not wait for it.
            from ragopt_tui.ui.widgets.completion import Completion

            self._commands = Completion(id="completion")
            await self.mount(self._commands, before="#asking")
        if self._commands is not None:
            self.prompt.completing = self._commands.narrow(self.prompt.text)

    @on(Prompt.Sent)
    def _send(self, event: Prompt.Sent) -> None:
        event.stop()
        command = slash_commands().get(event.text.removeprefix("/"))
        if event.text.startswith("/") and command is not None:
            self._run(command.name)
        elif event.text.startswith("/") and "\n" not in event.text:
            self.notify(
                f"There is no command {event.text.split()[0]}. Type / to see them all.",
                severity="warning",
                markup=False,
            )
        else:
            self.post_message(Asked(event.text))

    @on(Prompt.Leaf)
    def _leaf(self, event: Prompt.Leaf) -> None:
        event.stop()
        self.conversation.leaf(event.pages)

    @on(Prompt.CompletionKey)
    def _steer_commands(self, event: Prompt.CompletionKey) -> None:
        event.stop()
        commands = self._commands
        if commands is None:
            return
        if event.key == "up":
            commands.action_cursor_up()
        elif event.key == "down":
            commands.action_cursor_down()
        elif event.key == "escape":
            self._close_commands()
        else:
            self._run(commands.chosen())

    @on(OptionList.OptionSelected)
    def _pick(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._run(event.option_id)

    def _run(self, action: str | None) -> None:
        self.prompt.put("")
        self._close_commands()
        if action is not None:
            self.post_message(Command(action))

    def _close_commands(self) -> None:
        self.prompt.completing = False
        if self._commands is not None:
            self._commands.display = False
