"""User settings (TOML) and the folders this program writes to."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from ragopt_tui.errors import RagoptError


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things are kept; `RAGOPT_HOME` puts all of them under one folder."""

    config: Path
    data: Path
    logs: Path

    @property
    def settings_file(self) -> Path:
        """The TOML file that `load_settings` reads."""
        return self.config / "settings.toml"

    @property
    def indexes(self) -> Path:
        """One folder for each indexed folder of documents."""
        return self.data / "indexes"

    @property
    def jobs(self) -> Path:
        """One folder for each job."""
        return self.data / "jobs"

    @property
    def models(self) -> Path:
        """One folder for each model variant made or fetched here."""
        return self.data / "models"


def folders() -> Folders:
    """Give the folders of this user; nothing is created."""
    home = os.environ.get("RAGOPT_HOME")
    if home:
        root = Path(home).expanduser().resolve()
        return Folders(config=root / "config", data=root / "data", logs=root / "logs")
    dirs = platformdirs.PlatformDirs("ragopt-tui", appauthor=False)
    return Folders(
        config=Path(dirs.user_config_dir),
        data=Path(dirs.user_data_dir),
        logs=Path(dirs.user_log_dir),
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may set in settings.toml; each field's name is its key."""

    model: str = "quotes"
    """Who answers: `quotes`, a built-in variant, a Hugging Face folder or a GGUF file."""

    embedder: str = "builtin"
    """Embeds passages: `builtin` (MiniLM), a Hugging Face id or a local folder."""

    cross_encoder: str = "builtin"
    """Reads sentences with a question: `builtin`, a Hugging Face id or a local folder."""

    passages: int = 6
    """How many passages stand as evidence behind an answer."""

    refusal_threshold: float = 0.55
    """Quotes are refused below this probability of answering the question, from 0 (never) to 1."""

    max_answer_tokens: int = 256
    """The longest generated answer, in tokens."""

    context_tokens: int = 8192
    """The largest context a generating model is loaded with, in tokens; its own limit if smaller."""

    llama_cpp: str = ""
    """A llama.cpp checkout whose converter is used; empty for the one of the installed runtime."""

    watch: bool = True
    """Whether changed documents are read again while the assistant is open."""

    theme: str = "textual-dark"
    """A Textual theme's name; `textual-light` for light terminals."""

    keys: dict[str, str] = field(default_factory=dict)
    """Remapped keys: an action's name and the key that triggers it, e.g. `show_help = "f1"`."""

    verification: dict[str, list[float]] = field(default_factory=dict)
    """Changed limits of verification, two numbers each: degraded from, broken from.

    A key is a type and a measure, e.g. `"Q4_K_M.kl_mean" = [0.2, 0.8]`; `verification/thresholds.py`
    has them all.
    """


def load_settings(file: Path | None = None) -> Settings:
    """Read the settings file; a missing file gives the defaults.

    Raises RagoptError for invalid TOML, an unknown key or a value of the wrong type.
    """
    path = file or folders().settings_file
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise RagoptError(
            f"The settings file {path} cannot be read: {error}.",
            "Correct it, or move it away to use the defaults.",
        ) from error
    return _settings_from(table, path)


def save_setting(name: str, value: str, file: Path | None = None) -> None:
    """Set one setting in the settings file and leave the rest of it, comments too, as it is.

    Raises RagoptError where the file cannot be read, understood or written.
    """
    path = (file or folders().settings_file).resolve()
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after = _with_setting(before, name, value)
        if tomllib.loads(after) != tomllib.loads(before) | {name: value}:
            raise ValueError(f"there is no line for {name} to be changed")
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        aside.write_text(after, encoding="utf-8")
        aside.replace(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") or str(error)
        raise RagoptError(
            f"{name} could not be saved in {path}: {reason}.",
            f"Write {name} = {json.dumps(value)} there yourself.",
        ) from error


def _with_setting(text: str, name: str, value: str) -> str:
    """Replace the value of a line before the first table, or add a line there."""
    written = json.dumps(value, ensure_ascii=False)
    table = re.search(r"^[ \t]*\[", text, re.MULTILINE)
    head, tail = (text[: table.start()], text[table.start() :]) if table else (text, "")
    line = re.compile(rf"^([ \t]*{name}[ \t]*=[ \t]*)(?:\"[^\"\n]*\"|'[^'\n]*')", re.MULTILINE)
    changed, found = line.subn(lambda match: match[1] + written, head, count=1)
    if not found:
        changed = (
            f"{head}{'' if head.endswith(chr(10)) or not head else chr(10)}{name} = {written}\n"
        )
    return changed + tail


def _settings_from(table: dict[str, object], path: Path) -> Settings:
    defaults = {f.name: getattr(Settings(), f.name) for f in dataclasses.fields(Settings)}
    values: dict[str, object] = {}
    for key, value in table.items():
        if key not in defaults:
            near = difflib.get_close_matches(key, defaults, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(defaults)}."
            raise RagoptError(f"{path} has an unknown setting {key!r}.", hint)
        expected = type(defaults[key])
        if expected is float and type(value) is int:
            value = float(value)
        if type(value) is not expected:
            raise RagoptError(
                f"{path}: {key} must be of type {expected.__name__}, not {type(value).__name__}.",
                f"The default is {defaults[key]!r}.",
            )
        values[key] = value
    return dataclasses.replace(Settings(), **values)  # type: ignore[arg-type]
