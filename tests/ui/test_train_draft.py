"""The form and the YAML of a training run: two views of one configuration."""

from __future__ import annotations

from typing import Any

import pytest

from ragopt_tui.training.configuration.config import TrainingConfig, write_config
from ragopt_tui.training.configuration.values import Lora, Schedule
from ragopt_tui.ui.train_draft import Draft
from ragopt_tui.ui.train_fields import as_yaml, fields

FIELDS = {field.key: field for field in fields()}
OF_KIND = {
    "text": ("other [x]: 'y' # z", "other [x]: 'y' # z"),
    "whole": ("70", 70),
    "number": ("2.5e-1", 0.25),
    "list": ("a_b, c.d", ("a_b", "c.d")),
    "mapping": ("a: 4", {"a": 4}),
}
OF_KEY = {
    "data.columns": ("question: Q", {"question": "Q"}),
    "samples": ("What, then? | Why?", ("What, then?", "Why?")),
    "training.report_to": ("wandb, mlflow", ("wandb", "mlflow")),
}
TEXT = """# for the board
name: fin-qa   # short
lora:
  r: 8
  # about the layers
  target_modules:
    - q_proj
    - v_proj
training: {seed: 7}
data:
"""


def test_every_setting_has_a_field_with_a_sentence() -> None:
    assert "training.learning_rate" in FIELDS
    assert FIELDS["lora.target_modules"].choices == ("all-linear",)
    assert FIELDS["method"].choices == ("lora", "full")
    assert all(field.about for field in FIELDS.values())


def typed(key: str, before: Draft) -> tuple[str, Any]:
    """What may be typed into a field, and what it means."""
    field = FIELDS[key]
    if field.kind == "switch":
        return ("no", False) if before.value(key) else ("yes", True)
    if field.kind == "choice":
        return field.choices[-1], field.choices[-1]
    return OF_KEY.get(key) or OF_KIND[field.kind]


@pytest.mark.parametrize("text", ["", TEXT], ids=["empty", "short"])
@pytest.mark.parametrize("key", FIELDS)
def test_what_is_typed_into_a_field_is_what_the_yaml_means(key: str, text: str) -> None:
    before = Draft.of_text(text)
    value, meant = typed(key, before)
    after = before.changed(FIELDS[key], value)
    assert not after.errors
    assert after.value(key) == meant
    others = [other for other in FIELDS if other != key]
    assert [after.value(other) for other in others] == [before.value(other) for other in others]


def test_each_field_shows_what_can_be_typed_back() -> None:
    draft = Draft.of_text(
        write_config(
            TrainingConfig(
                name="a: b",
                lora=Lora(target_modules="all-linear", rank_pattern={"q_proj": 4}),
                training=Schedule(learning_rate=2e-4, num_train_epochs=2.5, report_to=("wandb",)),
                samples=("What, then?", "Why?"),
            )
        )
    )
    assert Draft.of_text(draft.text).config == draft.config
    for field in FIELDS.values():
        value = as_yaml(field, draft.shown(field))
        short = Draft.of_text("").changed(field, draft.shown(field))
        assert short.value(field.key) == draft.value(field.key), value


def test_comments_and_the_rest_of_the_text_stay() -> None:
    draft = Draft.of_text(TEXT).changed(FIELDS["name"], "second try")
    assert draft.text == TEXT.replace("fin-qa", "second try")
    draft = draft.changed(FIELDS["lora.target_modules"], "all-linear")
    assert "# about the layers" in draft.text
    assert draft.config.lora.target_modules == "all-linear"
    assert draft.changed(FIELDS["lora.r"], "16").config.training.seed == 7


def test_a_wrong_value_stands_at_its_field_and_its_line_with_the_reason() -> None:
    draft = Draft.of_text(TEXT).changed(FIELDS["lora.r"], "many")
    [error] = draft.errors
    assert (error.key, error.line) == ("lora.r", 4)
    assert 'lora.r must be a whole number, not "many"' in error.message
    assert draft.shown(FIELDS["lora.r"]) == "many"
    assert not draft.changed(FIELDS["lora.r"], "4").errors


def test_a_wrong_choice_and_a_wrong_number_are_told_in_the_form() -> None:
    draft = Draft.of_text(write_config(TrainingConfig()))
    wrong = draft.changed(FIELDS["training.lr_scheduler_type"], "cosin")
    assert wrong.errors[0].hint == "Did you mean cosine?"
    assert draft.changed(FIELDS["training.learning_rate"], "").errors
    assert draft.changed(FIELDS["training.learning_rate"], "3e-5").config.training == Schedule(
        learning_rate=3e-5
    )


def test_yaml_that_cannot_be_read_is_told_with_its_line_and_the_form_cannot_change_it() -> None:
    draft = Draft.of_text("name: [x\nlora:\n")
    assert draft.broken is not None
    assert draft.broken.line > 0
    assert Draft.of_text(TEXT).broken is None
