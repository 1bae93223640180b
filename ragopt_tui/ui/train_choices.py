"""What the base, the adapter and the data set of a run can be, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ragopt_tui.ui.variant_words import form


@dataclass(frozen=True, slots=True)
class Choice:
    """A value, its name and what is known of it in a few words."""

    value: str
    name: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be chosen for a setting, by its key."""

    by_key: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)

    def of(self, key: str) -> tuple[Choice, ...]:
        """Give what a setting can be; nothing where it has to be typed."""
        return self.by_key.get(key, ())


def read_choices() -> Choices:
    """Read what there is; to be called in a thread."""
    from ragopt_tui.models.store import VariantStore
    from ragopt_tui.settings import folders
    from ragopt_tui.training.data.formats import FORMATS
    from ragopt_tui.training.data.store import DataSetStore

    records = VariantStore(folders().models).records()
    trained = [
        each
        for each in records
        if each.variant.path is not None and each.facts.format == "safetensors"
    ]
    bases = [each for each in trained if each.variant.kind in ("base", "merged")]
    adapters = [each for each in trained if each.variant.kind == "adapter"]
    sets = [each.record for each in DataSetStore().sets()]
    return Choices(
        {
            "data.set": tuple(
                Choice(each.id, each.name, f"{each.rows['train']:,} rows, {each.format}")
                for each in sets
            ),
            "data.format": (
                Choice("auto", "auto", "finds out"),
                *(Choice(each.name, each.name, each.about) for each in FORMATS.values()),
            ),
            "base": tuple(Choice(e.variant.id, e.variant.name, form(e)) for e in bases),
            "continue_from": (
                Choice("", "none", "a fresh adapter"),
                *(Choice(e.variant.id, e.variant.name, form(e)) for e in adapters),
            ),
        }
    )
