"""The one list of what a user can do.

Key bindings, the footer, the command palette, slash commands and the help panel are all made
from it (see keys.py), and `settings.keys` remaps it by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Scope = Literal["app", "main", "prompt", "chats", "sources", "sidebar", "documents", "document"]
SCOPE_TITLES: dict[Scope, str] = {
    "app": "Anywhere",
    "main": "In the chat and the documents",
    "prompt": "While typing a question",
    "chats": "In the list of conversations",
    "sources": "On a citation or source",
    "sidebar": "In the models",
    "documents": "In the documents",
    "document": "In an opened document",
}


@dataclass(frozen=True, slots=True)
class Action:
    """Something a user can do, where, and its keys (comma between alternatives).

    An action with a `label` stands in the footer; `slash` is its command without the slash.
    """

    name: str
    title: str
    scope: Scope
    keys: str
    help: str
    label: str = ""
    slash: str = ""


ACTIONS: tuple[Action, ...] = (
    Action("send", "Ask the question", "prompt", "enter", "Waits its turn if one is open.", "Ask"),
    Action("newline", "New line", "prompt", "ctrl+j,shift+enter,alt+enter", "In the question."),
    Action(
        "choose_model", "Choose who answers", "main", "f2", "Quotes or a model.", "Model", "model"
    ),
    Action(
        "show_documents",
        "Documents or chat",
        "main",
        "f3",
        "Changes between the two.",
        "Documents",
        "documents",
    ),
    Action("open_folder", "Open a folder", "main", "ctrl+o", "Its index is kept.", slash="open"),
    Action("reindex", "Read changes", "main", "f5", "Reads files that changed.", slash="reindex"),
    Action("rebuild", "Rebuild the index", "main", "", "Reads all files again.", slash="rebuild"),
    Action(
        "toggle_sidebar", "Models and jobs", "main", "f6", "Shows or hides them.", slash="models"
    ),
    Action("toggle_sources", "Sources", "main", "f4", "Shows or hides them.", "Sources", "sources"),
    Action("stop", "Stop", "main", "escape", "Ends the answer being written.", "Stop", "stop"),
    Action("retry", "Ask again", "main", "ctrl+r", "Says what differs.", slash="retry"),
    Action("show_chats", "Conversations", "main", "f7", "Find, name, delete.", "Chats", "chats"),
    Action("new_chat", "New conversation", "main", "ctrl+n", "This one is kept.", slash="new"),
    Action("resume_chat", "Go on", "main", "ctrl+t", "The conversation before.", slash="resume"),
    Action("rename_chat", "Rename", "main", "", "This conversation.", slash="rename"),
    Action("export_chat", "Export", "main", "", "All of it as Markdown.", slash="export"),
    Action("restore_chat", "Undo deleting", "main", "", "The last one deleted.", slash="undo"),
    Action("earlier_answer", "Answer before", "main", "alt+up,ctrl+up", "For the next action."),
    Action("later_answer", "Answer after", "main", "alt+down,ctrl+down", "For the next action."),
    Action("newest_answer", "Newest answer", "main", "alt+end", "Follows what comes."),
    Action("edit_question", "Edit the question", "main", "alt+q", "Sends another.", slash="edit"),
    Action("edit_reading", "Edit how it was read", "main", "alt+r", "Asks it so.", slash="read"),
    Action("rate_up", "Good answer", "main", "alt+y", "Again takes it back.", slash="good"),
    Action("rate_down", "Bad answer", "main", "alt+n", "Again takes it back.", slash="bad"),
    Action("correct_answer", "Correct the answer", "main", "", "In your words.", slash="correct"),
    Action("copy_answer", "Copy the answer", "main", "f9", "With its sources.", slash="copy"),
    Action("copy_code", "Copy code", "main", "", "The next block of it.", slash="code"),
    Action("open_listed", "Open", "chats", "enter", "At what was found.", "Open"),
    Action("rename_listed", "Rename", "chats", "f2", "The one marked.", "Rename"),
    Action(
        "delete_listed", "Delete", "chats", "ctrl+d", "Ctrl+Z within a day undoes it.", "Delete"
    ),
    Action("restore_listed", "Undo deleting", "chats", "ctrl+z", "The last one deleted.", "Undo"),
    Action("new_listed", "New conversation", "chats", "ctrl+n", "In this folder.", "New"),
    Action("close_chats", "Back", "chats", "escape", "To the conversation.", "Back"),
    Action(
        "copy_citation", "Copy citation", "sources", "c", "The quote and its place.", "Copy", "cite"
    ),
    Action(
        "open_source",
        "Open the source",
        "sources",
        "enter",
        "At the cited lines.",
        "Open",
        "source",
    ),
    Action("pick_model", "Choose who answers", "sidebar", "m", "Opens the list.", "Choose"),
    Action("filter_documents", "Filter", "documents", "slash", "By name or state.", "Filter"),
    Action("sort_documents", "Sort", "documents", "s", "By name, state, passages.", "Sort"),
    Action("close_document", "Back", "document", "escape", "To the conversation.", "Back"),
    Action("next_citation", "Next", "document", "n", "Citation or match.", "Next"),
    Action("previous_citation", "Previous", "document", "p", "Citation or match.", "Previous"),
    Action("search_document", "Search", "document", "slash", "Finds text.", "Search"),
    Action("toggle_theme", "Light or dark", "app", "f8", "Changes the theme.", slash="theme"),
    Action("show_help", "Help", "app", "f1", "Every key and command.", "Help", "help"),
    Action("commands", "Command palette", "app", "ctrl+p", "Finds any command.", "More"),
    Action("quit", "Quit", "app", "ctrl+q", "Reading documents goes on.", slash="quit"),
)
BY_NAME: dict[str, Action] = {action.name: action for action in ACTIONS}


def slash_commands(actions: Iterable[Action] = ACTIONS) -> dict[str, Action]:
    """Give the slash commands in the order they are offered, each with its action."""
    return {action.slash: action for action in actions if action.slash}


def matching_commands(typed: str) -> list[Action]:
    """Give the commands that `typed` (with its slash) may mean, those that start with it first."""
    word = typed.removeprefix("/").strip().lower()
    commands = slash_commands()
    starting = [action for slash, action in commands.items() if slash.startswith(word)]
    holding = [a for slash, a in commands.items() if word in slash or word in a.title.lower()]
    return starting + [action for action in holding if action not in starting]
