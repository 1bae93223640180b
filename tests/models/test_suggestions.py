"""Models that are suggested, and to which machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.machine import Gpu, Machine
from ragopt_tui.models.suggestions import Suggestion, fitting, suggestions
from ragopt_tui.settings import folders


def machine(gigabytes: float, gpu: float = 0.0) -> Machine:
    size = int(gigabytes * 1e9)
    gpus = (Gpu("a card", int(gpu * 1e9), int(gpu * 1e9)),) if gpu else ()
    return Machine(size, size, gpus, transformers_on_gpu=True, llama_cpp_on_gpu=True)


def test_the_suggestions_of_the_program_are_well_formed() -> None:
    models = suggestions()
    assert len({(model.repository, model.file) for model in models}) == len(models)
    for model in models:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", model.repository)
        # bf16 takes two bytes a parameter, GGUF at most one and a bit.
        share = model.gigabytes / model.parameters
        assert (0.5 < share < 1.5) if model.file else (1.9 < share < 2.1)
    for name in (
        "Mistral-7B-Instruct",
        "Llama-3.1-8B",
        "Qwen2.5-7B",
        "gemma-2",
        "phi-4",
        "SmolLM2",
    ):
        found = [model for model in models if name.lower() in model.repository.lower()]
        assert {bool(model.file) for model in found} == {True, False}


def test_a_small_machine_is_offered_small_models_and_a_large_one_all() -> None:
    small = fitting(machine(4))
    assert len(small) > 5
    assert max(each.suggestion.needs(each.precision) for each in small) < 4
    assert fitting(machine(0.5)) == []
    everything = fitting(machine(512))
    assert len(everything) == len(suggestions())
    sizes = [each.suggestion.parameters for each in everything]
    assert sizes == sorted(sizes, reverse=True)


def test_a_folder_has_to_fit_on_the_gpu_if_need_be_in_four_bits() -> None:
    whole = Suggestion("mistralai/Mistral-7B-Instruct-v0.3", 7.2, 14.5, "apache-2.0")
    precisions = {
        gpu: [f.precision for f in fitting(machine(64, gpu), (whole,))] for gpu in (6, 12, 24)
    }
    assert precisions == {6: [], 12: ["nf4"], 24: ["auto"]}


def test_a_gguf_file_may_use_the_memory_beside_the_gpu() -> None:
    gguf = Suggestion("bartowski/phi-4-GGUF", 14.7, 9.1, "mit", "Q4_K_M")
    assert fitting(machine(8, gpu=6), (gguf,)) == []
    assert [each.precision for each in fitting(machine(32, gpu=6), (gguf,))] == ["auto"]


def test_the_user_may_keep_suggestions_of_their_own() -> None:
    own = folders().config / "suggestions.toml"
    own.parent.mkdir(parents=True)
    own.write_text(
        '[[model]]\nrepository = "me/a"\nparameters = 1\ngigabytes = 2\nlicence = "mit"\n'
    )
    assert [model.repository for model in suggestions()] == ["me/a"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[model]]\nrepository = 3\n", "repository cannot be 3"),
        ("[[model]]\nrepository = 'a/b'\nparameters = '7B'\n", "parameters cannot be '7B'"),
        ('[[model]]\nrepository = "a/b"\n', "a model lacks parameters"),
        ("[[model]]\nsize = 3\n", "a model has no 'size', only"),
        ("model = [1]\n", "each model is a table"),
        ("[[model", "Expected"),
    ],
)
def test_a_wrong_file_is_named_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(RagoptError, match=re.escape(str(file)) + ".*" + re.escape(reason)):
        suggestions(file)
