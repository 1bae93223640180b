"""A LoRA adapter as GGUF changes the GGUF form of its base as PEFT changes the base."""

from __future__ import annotations

import ctypes
from pathlib import Path

import llama_cpp
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from ragopt_tui.conversion.convert import convert_adapter, convert_model
from ragopt_tui.conversion.converter import Converter
from ragopt_tui.jobs.events import Reporter
from tests.conversion.made_tokenizers import sentencepiece_tokenizer
from tests.conversion.test_families import FAMILIES
from tests.conversion.test_merge import make_adapter, make_base

IDS = [1, 290, 301, 277, 340, 299, 311, 265]


@pytest.mark.parametrize(
    "rslora",
    [pytest.param(False, marks=pytest.mark.slow, id="lora"), pytest.param(True, id="rslora")],
)
def test_logits_with_the_adapter_are_those_of_peft(
    tmp_path: Path, converter: Path, reporter: Reporter, rslora: bool
) -> None:
    base = make_base(tmp_path / "base", FAMILIES["llama"], torch.float32)
    sentencepiece_tokenizer(base)
    adapter = make_adapter(tmp_path / "adapter", base, lora_alpha=12, use_rslora=rslora)
    known = Converter(converter, "")
    convert_model(known, base, tmp_path / "base.gguf", "F32", reporter)
    convert_adapter(known, adapter, base, tmp_path / "adapter.gguf", reporter)

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with torch.inference_mode():
        plain = model(torch.tensor([IDS])).logits[0]
        expected = PeftModel.from_pretrained(model, adapter)(torch.tensor([IDS])).logits[0]
    loaded = llama_cpp.Llama(
        str(tmp_path / "base.gguf"), n_ctx=64, logits_all=True, verbose=False, type_k=0, type_v=0
    )
    pointer = llama_cpp.llama_adapter_lora_init(
        loaded.model, str(tmp_path / "adapter.gguf").encode()
    )
    assert bool(pointer)
    pointers = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(pointer)
    scales = (ctypes.c_float * 1)(1.0)
    assert llama_cpp.llama_set_adapters_lora(loaded.ctx, pointers, 1, scales) == 0
    loaded.eval(IDS)
    got = torch.tensor(loaded.scores[: len(IDS)])
    distance = (got - expected).norm() / expected.norm()
    assert distance < 0.002
    assert distance < 0.05 * (got - plain).norm() / expected.norm()
