"""The one list of what a user can do.

Key bindings, the footer, the command palette, slash commands and the help panel are all made
from it (see keys.py), and `settings.keys` remaps it by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Scope = Literal[
    "app",
    "main",
    "prompt",
    "chats",
    "models",
    "sources",
    "sidebar",
    "documents",
    "document",
    "training",
    "run",
    "training form",
    "data sets",
    "report",
]
SCOPE_TITLES: dict[Scope, str] = {
    "app": "Anywhere",
    "main": "In the chat and the documents",
    "prompt": "While typing a question",
    "chats": "In the list of conversations",
    "models": "In the list of models",
    "sources": "On a citation or source",
    "sidebar": "In the models",
    "documents": "In the documents",
    "document": "In an opened document",
    "training": "In the training runs",
    "run": "In an opened training run",
    "training form": "While setting up a training run",
    "data sets": "In the list of data sets",
    "report": "In a report",
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
    Action("new_run", "New training run", "training", "n", "From a preset, or empty.", "New"),
    Action("open_run", "Open", "training", "o,enter", "Samples, checkpoints, log.", "Open"),
    Action("mark_run", "Compare", "training", "space", "Its curves with others'.", "Compare"),
    Action("stop_run", "Stop", "training", "s", "Its last step is kept.", "Stop"),
    Action("resume_run", "Go on", "training", "r", "From the last checkpoint.", "Go on"),
    Action("repeat_run", "Again", "training", "a", "The same, or one thing changed.", "Again"),
    Action("compare_settings", "Settings that differ", "training", "x", "Of two runs."),
    Action("remove_run", "Remove", "training", "ctrl+d", "With its checkpoints."),
    Action("show_data_sets", "Data sets", "training", "d", "Import, look at, remove.", "Data"),
    Action("next_chart", "Next chart", "training", "v", "Be the large one."),
    Action("cursor_back", "Read earlier", "training", "left", "The values at a step."),
    Action("cursor_on", "Read later", "training", "right", "The values at a step."),
    Action("zoom_in", "Fewer steps", "training", "plus,equals_sign", "Around the cursor."),
    Action("zoom_out", "More steps", "training", "minus", "Around the cursor."),
    Action("earlier_steps", "Steps before", "training", "comma,shift+left", "When zoomed in."),
    Action("later_steps", "Steps after", "training", "full_stop,shift+right", "When zoomed in."),
    Action("whole_curve", "All steps", "training", "0", "Ends zooming."),
    Action("log_scale", "Logarithmic axis", "training", "l", "Or linear again."),
    Action("smoothing", "Smooth", "training", "w", "The loss, more or less."),
    Action(
        "choose_model", "Choose who answers", "main", "f2", "And care for models.", "Model", "model"
    ),
    Action("use_made", "Newest model answers", "main", "alt+g", "One made here.", slash="load"),
    Action("switch_model", "Model before", "main", "alt+m", "There and back.", slash="switch"),
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
    Action("change_scope", "Company and period", "main", "alt+w", "Without one.", slash="without"),
    Action("show_chats", "Conversations", "main", "f7", "Find, name, delete.", "Chats", "chats"),
    Action(
        "show_training",
        "Training or chat",
        "main",
        "f10,alt+t",
        "Runs and their curves.",
        "Train",
        "train",
    ),
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
    Action("use_variant", "Let it answer", "models", "enter", "From the next question.", "Use"),
    Action("add_variant", "Add a model", "models", "ctrl+n", "A path, or a server's URL.", "Add"),
    Action("get_variant", "Get a model", "models", "ctrl+g", "From the hub.", "Get"),
    Action("show_facts", "Facts", "models", "f4", "Where the list takes the room.", "Facts"),
    Action("ship_variant", "Make a GGUF file", "models", "ctrl+l", "In fewer bits.", "GGUF"),
    Action("verify_variant", "Verify", "models", "ctrl+y", "Against its parent.", "Verify"),
    Action("show_report", "Report", "models", "ctrl+r", "What verifying found.", "Report"),
    Action("set_variant", "Settings of a model", "models", "ctrl+s", "How it writes.", "Set"),
    Action("remove_variant", "Remove", "models", "ctrl+d", "Ctrl+Z brings it back.", "Remove"),
    Action("rename_variant", "Rename", "models", "f2", "Its id stays.", "Rename"),
    Action("tag_variant", "Tags", "models", "ctrl+t", "Words to find it by."),
    Action("note_variant", "Note", "models", "ctrl+o", "Whatever you want to keep."),
    Action("template_variant", "Chat template", "models", "", "Where a model brings none."),
    Action("base_variant", "Base of an adapter", "models", "", "Where it names none."),
    Action("check_variant", "Check", "models", "ctrl+k", "Hashes, headers, NaN."),
    Action("scan_models", "Find models", "models", "", "In the Hugging Face cache."),
    Action("push_variant", "Put on the hub", "models", "", "Into a private repository."),
    Action("export_variant", "Copy for other tools", "models", "", "With a Modelfile."),
    Action("cancel_job", "Stop a job", "models", "ctrl+x", "About models."),
    Action("restore_variant", "Undo removing", "models", "ctrl+z", "The last one."),
    Action("empty_trash", "Empty the trash", "models", "", "For good."),
    Action("close_models", "Back", "models", "escape", "To the conversation.", "Back"),
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
    Action("train_on", "Train on it", "data sets", "enter,t", "Sets up a run.", "Train"),
    Action("import_set", "Import", "data sets", "i", "A file, a folder, the hub.", "Import"),
    Action("read_as", "Read as", "data sets", "m", "Which model's tokens.", "Model"),
    Action("next_split", "Next split", "data sets", "s", "Train, validation, test.", "Part"),
    Action("more_examples", "More examples", "data sets", "n", "Five more.", "More"),
    Action("split_set", "Split", "data sets", "p", "Into a set of its own.", "Split"),
    Action("export_set", "Export", "data sets", "e", "JSONL, CSV or Parquet.", "Export"),
    Action("remove_set", "Remove", "data sets", "ctrl+d", "Ctrl+Z brings it back.", "Remove"),
    Action("restore_set", "Undo removing", "data sets", "ctrl+z", "The last one.", "Undo"),
    Action("page_on", "Read on", "data sets", "pagedown", "What is in the set."),
    Action("page_back", "Read back", "data sets", "pageup", "What is in the set."),
    Action("close_sets", "Back", "data sets", "escape", "To the runs.", "Back"),
    Action("chat_checkpoint", "Let it answer", "run", "enter", "A checkpoint.", "Use"),
    Action(
        "clear_checkpoints", "Clear", "run", "ctrl+d", "All checkpoints, to the trash.", "Clear"
    ),
    Action("restore_checkpoints", "Undo clearing", "run", "ctrl+z", "They are back.", "Undo"),
    Action("next_page", "Next page", "run", "right,tab", "Samples, checkpoints…", "Next"),
    Action("previous_page", "Page before", "run", "left,shift+tab", "Samples, checkpoints…"),
    Action("close_run", "Back", "run", "escape", "To the runs.", "Back"),
    Action("start_run", "Start the run", "training form", "ctrl+s", "In the background.", "Start"),
    Action("other_side", "Form or YAML", "training form", "f4", "One at a time.", "Form/YAML"),
    Action("save_config", "Save as a file", "training form", "ctrl+o", "The YAML.", "Save"),
    Action("close_form", "Back", "training form", "escape", "To the runs.", "Back"),
    Action("next_report", "Next step", "report", "n", "Its report.", "Next"),
    Action("previous_report", "Step before", "report", "p", "Its report.", "Previous"),
    Action("close_report", "Back", "report", "escape", "To the models.", "Back"),
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
