"""Presets are documented, valid, and can be planned before their base is here."""

from __future__ import annotations

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.machine import Gpu, Machine
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.training.configuration.config import parse_config
from ragopt_tui.training.configuration.presets import known_architecture, preset, presets
from ragopt_tui.training.data.formats import FORMATS
from ragopt_tui.training.planning.planning import plan_training

_GIB = 1 << 30
_GPU = Machine(64 * _GIB, 60 * _GIB, (Gpu("A", 24 * _GIB, 24 * _GIB),), transformers_on_gpu=True)

_TRAINABLE = {
    # By hand, of Mistral: 32 layers, rank x (inputs + outputs) of each adapted matrix.
    "reference-0": 32 * 16 * (8192 + 5120 + 5120 + 8192) + 32000 * 4096,
    "reference-1": 32 * 32 * (8192 + 5120 + 5120 + 8192 + 3 * (4096 + 14336)),
    "reference-2": 32 * 16 * 4 * 8192,
    "reference-3": 32 * 32 * (4544 + 4672 + 4544 * 2 + 2 * 5 * 4544),
    "reference-4": 32 * 16 * (8192 + 5120 + 5120 + 8192 + 3 * (4096 + 14336)),
    "small-gpu": 32 * 8 * (8192 + 5120 + 5120 + 8192),
    "cpu-demo": 8 * 16 * (1024 + 768 + 768 + 1024 + 3 * 2048),
    "cpu-demo-qlora": 8 * 16 * (1024 + 768 + 768 + 1024 + 3 * 2048),
}


def test_every_preset_is_counted_here() -> None:
    assert set(presets()) == set(_TRAINABLE)


@pytest.mark.parametrize("name", sorted(_TRAINABLE))
def test_a_preset_is_planned_without_its_base(name: str) -> None:
    plan = plan_training(preset(name).config, VariantStore(folders().models), _GPU)
    assert plan.errors == ()
    assert plan.parameters is not None
    assert plan.parameters.trainable == _TRAINABLE[name]
    assert plan.fit is not None
    assert plan.fit.fits


@pytest.mark.parametrize("name", sorted(_TRAINABLE))
def test_a_preset_is_documented_and_names_formats_that_are_read(name: str) -> None:
    found = preset(name)
    assert found.title.endswith((".", ")."))
    assert len(found.about) > 40
    assert found.config.data.set == ""
    assert found.config.data.format in ("auto", *FORMATS)
    assert parse_config(found.text) == found.config


def test_the_reference_has_the_settings_of_its_description() -> None:
    config = preset("reference-0").config
    lora = config.lora
    assert (lora.r, lora.lora_alpha, lora.lora_dropout) == (16, 4, 0.05)
    assert set(lora.target_modules) == {"q_proj", "k_proj", "v_proj", "o_proj"}
    assert lora.modules_to_save == ("lm_head",)
    assert config.quantization.load_in_4bit
    assert config.quantization.bnb_4bit_use_double_quant


def test_an_unknown_preset_names_those_there_are() -> None:
    with pytest.raises(RagoptError) as caught:
        preset("reference-9")
    assert "reference-0" in caught.value.hint
    assert known_architecture("../reference-0") is None
