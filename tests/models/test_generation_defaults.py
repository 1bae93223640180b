from __future__ import annotations

import json
from pathlib import Path

import pytest
from gguf import GGUFWriter

from ragopt_tui.models.generation_defaults import writing_settings
from ragopt_tui.models.generation_settings import GenerationSettings
from ragopt_tui.models.model_files import ModelFiles
from ragopt_tui.settings import Settings

PROGRAM = Settings(max_answer_tokens=200, context_tokens=4096)


def made_by(folder: Path, config: dict[str, object]) -> ModelFiles:
    (folder / "generation_config.json").write_text(json.dumps(config))
    return ModelFiles(folder)


def test_a_model_writes_as_its_maker_configured_it(tmp_path: Path) -> None:
    files = made_by(tmp_path, {"do_sample": True, "temperature": 0.6, "top_p": 0.9})
    writing = writing_settings(GenerationSettings(), files, PROGRAM)
    assert (writing.temperature, writing.top_p) == (0.6, 0.9)
    assert (writing.max_tokens, writing.context_tokens) == (200, 4096)
    told = writing.to_event()
    assert told["temperature"] == 0.6
    assert isinstance(told["seed"], int)


@pytest.mark.parametrize(
    "config", [{}, {"temperature": 0.6}, {"do_sample": False, "temperature": 0.6}]
)
def test_a_model_whose_maker_does_not_sample_writes_greedily(
    tmp_path: Path, config: dict[str, object]
) -> None:
    writing = writing_settings(GenerationSettings(), made_by(tmp_path, config), PROGRAM)
    assert writing.temperature == 0
    assert writing.to_event()["seed"] is None
    assert writing_settings(GenerationSettings(), None, PROGRAM).temperature == 0


def test_what_the_user_chose_goes_before(tmp_path: Path) -> None:
    files = made_by(tmp_path, {"do_sample": True, "temperature": 0.6, "top_p": 0.9})
    chosen = GenerationSettings(temperature=0.0, seed=5, max_tokens=7, system_prompt=" Be brief. ")
    writing = writing_settings(chosen, files, PROGRAM)
    assert (writing.temperature, writing.top_p, writing.max_tokens) == (0.0, 0.9, 7)
    assert writing.system_prompt == "Be brief."
    assert writing.to_event()["system_prompt"] == "Be brief."


def test_values_that_make_no_sense_are_not_taken(tmp_path: Path) -> None:
    files = made_by(tmp_path, {"do_sample": True, "temperature": "hot", "top_p": 7})
    writing = writing_settings(GenerationSettings(), files, PROGRAM)
    assert (writing.temperature, writing.top_p) == (1.0, 1.0)


def test_a_gguf_file_may_carry_its_makers_choice(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    writer = GGUFWriter(file, "llama")
    writer.add_float32("general.sampling.temp", 0.25)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    writing = writing_settings(GenerationSettings(), ModelFiles(file), PROGRAM)
    assert (writing.temperature, writing.top_p) == (0.25, 1.0)
