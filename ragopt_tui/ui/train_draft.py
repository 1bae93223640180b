"""A configuration being written: its YAML, what it means, and what is wrong with it.

The YAML is the one truth: the form shows what it means, and changes it in place, so that comments
and what else stands there are kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from ragopt_tui.training.configuration.checks import combination_errors
from ragopt_tui.training.configuration.config import ConfigError, TrainingConfig
from ragopt_tui.training.configuration.reading import read_values
from ragopt_tui.ui.train_fields import Field, as_yaml, fields, shown

_WHERE = "The configuration"


@dataclass(frozen=True)
class Draft:
    """YAML with its meaning; where it is wrong, `config` has the default of that setting."""

    text: str
    config: TrainingConfig
    errors: tuple[ConfigError, ...] = ()
    _spans: dict[str, tuple[int, int]] = field(default_factory=dict, repr=False)

    @classmethod
    def of_text(cls, text: str) -> Draft:
        """Read YAML, right or wrong."""
        config, errors = read_values(text, _WHERE)
        return cls(text, config, tuple(errors or combination_errors(config)), _spans(text))

    @property
    def broken(self) -> ConfigError | None:
        """The mistake that keeps the YAML from being read at all, None where it can be read."""
        return next((error for error in self.errors if not error.key), None)

    def error_of(self, key: str) -> ConfigError | None:
        """Give the mistake of a setting, or None."""
        return next((error for error in self.errors if error.key == key), None)

    def with_errors(self, errors: Iterable[ConfigError]) -> Draft:
        """Give the draft with mistakes that only its plan or its start could find."""
        return replace(self, errors=(*self.errors, *errors))

    def line(self, key: str) -> int:
        """Give the line of a setting's value, from 1; 0 where it is not written down."""
        if key not in self._spans:
            return 0
        return self.text.count("\n", 0, self._spans[key][0]) + 1

    def line_of(self, error: ConfigError) -> int:
        """Give the line of a mistake, from 1; 0 where the setting is not written down."""
        return error.line or self.line(error.key)

    def shown(self, of: Field) -> str:
        """Give what a setting is as the form shows it: where it is wrong, what stands there."""
        if self.error_of(of.key) is not None and of.key in self._spans:
            start, end = self._spans[of.key]
            return self.text[start:end]
        return shown(of, self.value(of.key))

    def value(self, key: str) -> Any:  # noqa: ANN401 - a setting's value
        """Give what a setting is."""
        value: Any = self.config
        for part in key.split("."):
            value = getattr(value, part)
        return value

    def changed(self, of: Field, typed: str) -> Draft:
        """Give the draft with another value of a setting, the rest of the text as it stands."""
        value = as_yaml(of, typed)
        if of.key in self._spans:
            start, end = self._spans[of.key]
            return Draft.of_text(
                f"{self.text[:start]}{_apart(self.text, start)}{value}{self._rest(end)}"
            )
        if not of.section:
            return Draft.of_text(f"{_ended(self.text)}{of.name}: {value}\n")
        if of.section not in self._spans:
            return Draft.of_text(f"{_ended(self.text)}{of.section}:\n  {of.name}: {value}\n")
        start, end = self._spans[of.section]
        inside = self.text[start:end]
        if inside.lstrip().startswith("{"):
            between = ", " if inside.strip(" {}\n") else ""
            added = f"{inside.rstrip().rstrip('}')}{between}{of.name}: {value}}}"
            return Draft.of_text(f"{self.text[:start]}{added}{self._rest(end)}")
        if not inside.strip() or inside.strip() in ("null", "~"):
            return Draft.of_text(
                f"{self.text[:start].rstrip(' ')}\n  {of.name}: {value}{self._rest(end)}"
            )
        line = self.text.rfind("\n", 0, start) + 1
        indent = self.text[line:start] if not self.text[line:start].strip() else "  "
        return Draft.of_text(f"{self.text[:start]}{of.name}: {value}\n{indent}{self.text[start:]}")

    def _rest(self, end: int) -> str:
        """Give the text from `end` on; what stood there may have been the end of its line."""
        rest = self.text[end:]
        return rest if rest.startswith(("\n", " ", ",", "}")) or not rest else f"\n{rest}"


def with_data(draft: Draft, data_set: str) -> Draft:
    """Give a draft that trains on a set; as it is where none is named."""
    if not data_set or draft.broken is not None:
        return draft
    return draft.changed(next(each for each in fields() if each.key == "data.set"), data_set)


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _apart(text: str, start: int) -> str:
    return "" if text[start - 1 : start].isspace() else " "


def _spans(text: str) -> dict[str, tuple[int, int]]:
    """Give where the value of each key stands in YAML; nothing where it cannot be read."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    found: dict[str, tuple[int, int]] = {}
    _find(node, "", text, found)
    return found


def _find(node: yaml.Node | None, path: str, text: str, found: dict[str, tuple[int, int]]) -> None:
    if not isinstance(node, yaml.MappingNode) or path.count("."):
        return
    for key, value in node.value:
        inner = f"{path}.{key.value}" if path else str(key.value)
        start, end = value.start_mark.index, value.end_mark.index
        # A block ends where the next line begins; a value ends with its last character.
        found[inner] = (start, start + len(text[start:end].rstrip()))
        _find(value, inner, text, found)
