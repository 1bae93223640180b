"""What adapters change is computed as PEFT does, for merged models and for GGUF adapters."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import AutoModelForCausalLM, LlamaConfig

from ragopt_tui.conversion.adapted_model import Adapter
from ragopt_tui.conversion.convert import convert_adapter
from ragopt_tui.conversion.converter import Converter, converter_folder
from ragopt_tui.conversion.merge import merge
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.settings import folders
from ragopt_tui.verification.causes import diagnose
from ragopt_tui.verification.report import Finding
from ragopt_tui.verification.structure.adapters import scales_of
from ragopt_tui.verification.structure.check import check_structure
from ragopt_tui.verification.structure.sources import AdaptedTensors
from tests.verification.chains import QV, SMALL, record
from tests.verification.conftest import ChainOf
from tests.verification.rewriting import Fields, copy_gguf
from tests.verification.sabotage import LLAMA

OPTIONS = {
    "plain": {},
    "rslora": {"use_rslora": True},
    "patterns": {"rank_pattern": {"v_proj": 2}, "alpha_pattern": {"layers.1.self_attn.q_proj": 32}},
    "rslora with patterns": {"use_rslora": True, "rank_pattern": {"layers.0.self_attn.v_proj": 16}},
}


@pytest.mark.parametrize("options", OPTIONS)
def test_scales_are_those_of_peft(options: str) -> None:
    config = LoraConfig(r=8, lora_alpha=12, **QV, **OPTIONS[options], task_type="CAUSAL_LM")
    with torch.device("meta"):
        model = get_peft_model(AutoModelForCausalLM.from_config(LlamaConfig(**SMALL)), config)
    said = {**config.to_dict(), "r": 8}
    scales = {}
    for name, module in model.named_modules():
        if isinstance(module, LoraLayer):
            path = name.removeprefix("base_model.model.")
            scales[path] = (module.scaling["default"], scales_of(said, path).right)
    assert len(scales) == 4
    for expected, ours in scales.values():
        assert ours == pytest.approx(expected)


def test_adapted_tensors_are_those_of_peft_however_often_they_are_read(chain_of: ChainOf) -> None:
    chain = chain_of(LLAMA)
    adapted = AdaptedTensors(chain.base, [Adapter(chain.adapters[0])])
    base = AutoModelForCausalLM.from_pretrained(chain.base, dtype=torch.float32)
    expected = PeftModel.from_pretrained(base, chain.adapters[0]).merge_and_unload().state_dict()
    for name in adapted.shapes:
        assert torch.equal(adapted.read(name).float(), expected[name]), name
        assert torch.equal(adapted.read(name).float(), expected[name]), name


def test_a_mistaken_ratio_is_named() -> None:
    scales = scales_of({"lora_alpha": 16, "r": 64, "use_rslora": True}, "layers.0.q_proj")
    assert scales.right == 2.0
    assert scales.named(1 / 8) == ["rslora ignored"]
    assert scales.named(2.0)[0] == "applied twice"
    assert scales.named(0.77) == []


@pytest.fixture
def gguf_adapter(chain_of: ChainOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RAGOPT_HOME")
    chain, target = chain_of(LLAMA), tmp_path / "adapter.gguf"
    known = Converter(converter_folder(folders().data), "")
    report = Reporter(tmp_path / "events.jsonl")
    convert_adapter(known, chain.adapters[0], chain.base, target, report)
    return target


def findings_of(chain_of: ChainOf, file: Path) -> list[Finding]:
    chain = chain_of(LLAMA)
    child = record("adapter-gguf", "adapter", file, "adapter0")
    told: list[tuple[int, int]] = []
    return check_structure(
        child, chain.record("adapter0"), chain.record("base"), lambda *now: told.append(now)
    )


def test_a_gguf_adapter_makes_the_changes_of_its_parent_and_its_faults_are_named(
    chain_of: ChainOf, gguf_adapter: Path, tmp_path: Path
) -> None:
    healthy = findings_of(chain_of, gguf_adapter)
    assert {each.outcome for each in healthy} == {"passed"}
    accounted = next(each for each in healthy if each.check == "adapter.accounted")
    assert accounted.measured == 14

    def plain_scale(fields: Fields) -> None:
        fields["adapter.lora.alpha"] /= 8**0.5

    scaled = copy_gguf(gguf_adapter, tmp_path / "scaled.gguf", fields=plain_scale)
    assert diagnose(findings_of(chain_of, scaled))[0].name == "ignored rsLoRA scale"

    first = "blk.0.attn_v.weight"
    lost = copy_gguf(
        gguf_adapter, tmp_path / "lost.gguf",
        lambda arrays: {n: a for n, a in arrays.items() if not n.startswith(first)},
    )  # fmt: skip
    found = findings_of(chain_of, lost)
    assert any(each.outcome == "failed" for each in found)
    assert diagnose(found)[0].name == "half merge"


def test_an_adapter_whose_weights_are_zero_is_said_to_change_nothing(
    chain_of: ChainOf, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    chain = chain_of(LLAMA)
    adapter = tmp_path / "untrained"
    adapter.mkdir()
    config = json.loads((chain.adapters[0] / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    tensors = load_file(chain.adapters[0] / "adapter_model.safetensors")
    zero = {n: t * 0 if "lora_B" in n else t for n, t in tensors.items()}
    save_file(zero, adapter / "adapter_model.safetensors")
    parent, base = record("adapter0", "adapter", adapter, "base"), chain.record("base")
    child = record("merged", "merged", chain.base, "adapter0")
    found = check_structure(child, parent, base, lambda done, total: None)
    accounted = next(each for each in found if each.check == "adapter.accounted")
    assert accounted.outcome == "passed"
    assert "changes nothing" in accounted.sentence


@pytest.mark.parametrize("strength", [0.3, 0.03, 0.01, 0.003])
def test_a_change_near_the_rounding_of_the_base_is_no_alarm_and_a_missing_one_is(
    chain_of: ChainOf, tmp_path: Path, strength: float
) -> None:
    from safetensors.torch import load_file, save_file

    chain = chain_of(LLAMA)
    adapter, merged = tmp_path / "weak", tmp_path / "merged"
    adapter.mkdir()
    merged.mkdir()
    shutil.copyfile(chain.adapters[0] / "adapter_config.json", adapter / "adapter_config.json")
    tensors = load_file(chain.adapters[0] / "adapter_model.safetensors")
    weak = {n: t * strength if "lora_B" in n else t for n, t in tensors.items()}
    save_file(weak, adapter / "adapter_model.safetensors")
    merge(chain.base, [Adapter(adapter)], merged, lambda done, total: None)

    def accounted(path: Path) -> Finding:
        parent, base = record("adapter0", "adapter", adapter, "base"), chain.record("base")
        child = record("merged", "merged", path, "adapter0")
        found = check_structure(child, parent, base, lambda done, total: None)
        return next(each for each in found if each.check == "adapter.accounted")

    assert accounted(merged).outcome == "passed", accounted(merged).sentence
    assert accounted(chain.base).outcome == "failed"
