"""The settings file, written by the program without touching what the user wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.settings import folders, load_settings, save_setting

WRITTEN = """# mine
passages = 8   # more
theme = 'nord' # calm

[keys]
theme = "f12"
"""


def test_a_setting_is_saved_where_there_is_no_file_yet() -> None:
    save_setting("theme", "textual-light")
    assert load_settings().theme == "textual-light"
    assert [file.name for file in folders().config.iterdir()] == ["settings.toml"]


def test_only_the_value_of_the_setting_changes(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(WRITTEN)
    save_setting("theme", "textual-light", file)
    assert file.read_text() == WRITTEN.replace("'nord'", '"textual-light"')


@pytest.mark.parametrize("before", ["passages = 8", "passages = 8\n", ""])
def test_a_setting_that_was_not_there_stands_before_the_first_table(
    tmp_path: Path, before: str
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'{before}\n[keys]\nshow_help = "f12"\n')
    save_setting("theme", "textual-light", file)
    settings = load_settings(file)
    assert settings.theme == "textual-light"
    assert settings.keys == {"show_help": "f12"}


@pytest.mark.parametrize("before", ['"theme" = "nord"\n', "theme = nord", 'theme = """\nnord"""'])
def test_a_file_that_cannot_be_changed_safely_stays_as_it_is(tmp_path: Path, before: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(before)
    with pytest.raises(RagoptError, match=r"could not be saved .* yourself"):
        save_setting("theme", "textual-light", file)
    assert file.read_text() == before


def test_a_settings_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    there = tmp_path / "dotfiles.toml"
    there.write_text(WRITTEN)
    link = tmp_path / "settings.toml"
    link.symlink_to(there)
    save_setting("theme", "textual-light", link)
    assert link.is_symlink()
    assert load_settings(there).theme == "textual-light"
