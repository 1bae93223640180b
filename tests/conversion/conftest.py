"""llama.cpp's converter as the set-up fetched it, and small things to convert."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from ragopt_tui.conversion.converter import converter_folder
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import builtin_variants
from ragopt_tui.settings import folders

BUILTIN = next(variant.path for variant in builtin_variants() if variant.id == "builtin")


@pytest.fixture
def reporter(tmp_path: Path) -> Reporter:
    """A job's reporter, whose events are in a file of this test."""
    return Reporter(tmp_path / "events.jsonl")


@pytest.fixture
def converter(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The converter in this test's data folder: a link to the one that `make` fetched."""
    with monkeypatch.context() as without:
        without.delenv("RAGOPT_HOME")
        kept = converter_folder(folders().data)
    if not kept.is_dir():
        pytest.skip("run `ragopt-tui convert --fetch-converter` first")
    here = converter_folder(folders().data)
    here.parent.mkdir(parents=True)
    here.symlink_to(kept)
    return here


@pytest.fixture(scope="session")
def trained_adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of the built-in model with a changed head, as training leaves one."""
    torch.manual_seed(4)
    folder = tmp_path_factory.mktemp("adapters") / "terse"
    model: Any = AutoModelForCausalLM.from_pretrained(BUILTIN, dtype=torch.bfloat16)
    config = LoraConfig(
        r=4, target_modules=["q_proj", "v_proj"], modules_to_save=["lm_head"], task_type="CAUSAL_LM"
    )
    adapted = get_peft_model(model, config)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.002)
            elif "modules_to_save" in name:
                parameter.mul_(1.01)
    adapted.save_pretrained(folder)
    return folder


@pytest.fixture
def store(trained_adapter: Path) -> VariantStore:
    """A library with that adapter, called `terse`."""
    store = VariantStore(folders().models)
    store.add(trained_adapter, name="terse", parent="builtin")
    return store
