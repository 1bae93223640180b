from __future__ import annotations

import json
from typing import Any

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.generation_settings import GenerationSettings


def test_settings_come_back_as_they_were_and_defaults_are_not_written() -> None:
    settings = GenerationSettings(
        temperature=0.7, top_p=0.9, seed=3, precision="nf4", gpu_layers=0, system_prompt="Be [b]!"
    )
    written = json.loads(json.dumps(settings.to_json()))
    assert GenerationSettings.from_json(written) == settings
    assert set(written) == {
        "temperature",
        "top_p",
        "seed",
        "precision",
        "gpu_layers",
        "system_prompt",
    }
    assert GenerationSettings().to_json() == {}
    assert GenerationSettings.from_json({"threads": "auto"}) == GenerationSettings()


def test_what_is_left_open_is_taken_from_the_settings_below() -> None:
    base = GenerationSettings(precision="nf4", temperature=0.7, threads=3)
    above = GenerationSettings(temperature=0.0, max_tokens=9)
    expected = GenerationSettings(precision="nf4", temperature=0.0, threads=3, max_tokens=9)
    assert above.over(base) == expected


def test_a_whole_number_is_a_temperature() -> None:
    assert GenerationSettings.from_json({"temperature": 1}).temperature == 1.0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"temprature": 1}, "Did you mean temperature"),
        ({"temperature": -0.1}, "temperature must be a number from 0 to 5"),
        ({"temperature": float("nan")}, "temperature must be"),
        ({"top_p": 1.5}, "top_p must be"),
        ({"max_tokens": 0}, "max_tokens must be a whole number from 1"),
        ({"max_tokens": True}, "max_tokens must be"),
        ({"seed": "7"}, "seed must be a whole number"),
        ({"threads": None}, "threads must be a whole number .* or auto"),
        ({"context_tokens": "auto"}, "context_tokens must be"),
        ({"precision": "int4"}, "precision cannot be 'int4'"),
        ({"system_prompt": 3}, "system_prompt must be text"),
    ],
)
def test_what_is_no_setting_is_said_by_name(values: dict[str, Any], said: str) -> None:
    with pytest.raises(RagoptError, match=said):
        GenerationSettings.from_json(values)
