"""From an adapter to a quantised GGUF: through the steps, the whole path, and the commands."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import llama_cpp
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from ragopt_tui.cli import main
from ragopt_tui.conversion import steps
from ragopt_tui.conversion.paces import quantising
from ragopt_tui.conversion.ship import ship
from ragopt_tui.conversion.starting import start_ship
from ragopt_tui.conversion.steps import Workshop
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import JobCancelled, Reporter
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import Settings, folders
from tests.conversion.conftest import BUILTIN
from tests.conversion.test_merge import make_adapter

TEXT = "Revenue was 4.2 billion dollars in 2023, up from 3.9 billion"


@pytest.fixture
def shop(store: VariantStore, converter: Path, reporter: Reporter) -> Workshop:
    return Workshop(store, folders(), Settings(), reporter)


def merged_in(store: VariantStore) -> list[VariantRecord]:
    return [record for record in store.records() if record.variant.kind == "merged"]


def next_tokens(logits: torch.Tensor) -> list[int]:
    return logits.argmax(-1).tolist()


def test_a_trained_adapter_becomes_a_gguf_that_writes_as_it_does(
    shop: Workshop, trained_adapter: Path
) -> None:
    made = ship(shop, "terse", "Q8_0")
    tokenizer = AutoTokenizer.from_pretrained(BUILTIN)
    ids = tokenizer(TEXT)["input_ids"]
    base = AutoModelForCausalLM.from_pretrained(BUILTIN, dtype=torch.float32)
    live = PeftModel.from_pretrained(base, trained_adapter)
    with torch.inference_mode():
        expected = live(torch.tensor([ids])).logits[0].float()
    gguf = llama_cpp.Llama(str(made.variant.path), n_ctx=256, logits_all=True, verbose=False)
    assert gguf.tokenize(TEXT.encode()) == ids
    gguf.eval(ids)
    got = torch.tensor(gguf.scores[: len(ids)])
    divergence = torch.nn.functional.kl_div(
        got.log_softmax(-1), expected.log_softmax(-1), log_target=True, reduction="batchmean"
    )
    assert divergence < 0.01
    same = [a == b for a, b in zip(next_tokens(got), next_tokens(expected), strict=True)]
    assert sum(same) >= 0.9 * len(same)


def test_all_steps_can_be_kept_and_are_not_done_twice(shop: Workshop) -> None:
    made = ship(shop, "terse", "Q4_K_M", keep=True)
    own = {r.variant.id: r for r in shop.store.records() if not r.variant.builtin}
    between = own[made.variant.parent]
    merged = own[between.variant.parent]
    assert (merged.variant.kind, merged.variant.parent) == ("merged", "terse")
    assert between.facts.quantisation == "BF16"
    again = Workshop(shop.store, shop.folders, shop.settings, shop.report)
    assert ship(again, "terse", "Q4_K_M").variant.id == made.variant.id
    assert not again.new
    parameters = shop.store.record("builtin").facts.parameters or 0
    for step in ("merge", "convert", quantising("Q4_K_M", importance=False)):
        assert shop.paces.expected(step, parameters), step
    assert set(own) == {r.variant.id for r in shop.store.records() if not r.variant.builtin}


def test_a_changed_adapter_is_merged_anew(shop: Workshop, trained_adapter: Path) -> None:
    folder = shop.folders.data / "copied"
    shutil.copytree(trained_adapter, folder)
    shop.store.add(folder, name="copied", parent="builtin")
    first = steps.merged(shop, [("copied", 1.0)])
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 64}))
    shop.store.add(folder)
    second = steps.merged(shop, [("copied", 1.0)])
    assert second.variant.id != first.variant.id


@pytest.mark.usefixtures("jobs_here")
def test_the_command_ships_removes_what_stands_between_and_exports_for_other_tools(
    shop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ship", "terse", "--to", "q4_k_m", "--no-verify", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    own = [record for record in shop.store.records() if not record.variant.builtin]
    assert [record.variant.id for record in own] == ["terse", made["variant"]]
    assert own[1].variant.parent == "terse"
    assert own[1].facts.quantisation == "Q4_K_M"
    assert not shop.store.trashed()
    target = tmp_path / "out"
    assert main(["export", made["variant"], str(target), "--modelfile"]) == 0
    names = sorted(file.name for file in target.iterdir())
    assert names == ["Modelfile", f"{Path(names[1]).stem}.gguf"]
    modelfile = (target / "Modelfile").read_text()
    assert f"FROM ./{names[1]}" in modelfile
    assert "[INST] {{ .Prompt }} [/INST]" in modelfile
    assert main(["export", made["variant"], str(target)]) == 1
    assert "exists" in capsys.readouterr().err


@pytest.mark.slow
def test_killing_a_path_leaves_nothing_half_and_it_goes_on(
    store: VariantStore, converter: Path
) -> None:
    job = start_ship("terse", "terse", "Q4_K_M", verify=False)
    while job.state == "running" and not merged_in(store):
        time.sleep(0.02)
    process = job.folder.process_id()
    assert process is not None
    os.killpg(process, signal.SIGKILL)
    while job.state == "running":
        time.sleep(0.02)
    assert job.state == "died"
    assert all(not record.variant.problem for record in store.records())
    [merged] = merged_in(store)
    shop = Workshop(store, folders(), Settings(), Reporter(folders().data / "events.jsonl"))
    steps.merged(shop, [("terse", 1.0)])
    assert not shop.new
    assert merged_in(store) == [merged]
    assert ship(shop, "terse", "Q4_K_M").facts.quantisation == "Q4_K_M"


def test_an_unknown_architecture_is_named_before_work_starts(
    shop: Workshop, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    shutil.copytree(BUILTIN, folder)
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["InventedForCausalLM"]
    (folder / "config.json").write_text(json.dumps(config))
    shop.store.add(folder, name="other")
    with pytest.raises(RagoptError, match="InventedForCausalLM"):
        ship(shop, "other", "Q4_K_M")
    assert not shop.new


def test_a_disk_that_is_too_small_is_said_before_work_starts(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = type("Usage", (), {"free": 10_000_000})()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: small)
    with pytest.raises(RagoptError, match=r"needs about \d+ MB; .* has 10 MB"):
        ship(shop, "terse", "Q4_K_M")
    assert not shop.new


def test_a_converter_that_was_changed_is_refused(shop: Workshop, tmp_path: Path) -> None:
    kept = shop.converter().folder
    changed = tmp_path / "changed"
    shutil.copytree(kept, changed)
    kept.unlink()
    shutil.move(changed, kept)
    (kept / "convert_hf_to_gguf.py").write_text("print('something else')")
    with pytest.raises(RagoptError, match=r"convert_hf_to_gguf\.py is not the file"):
        ship(shop, "terse", "Q8_0")


def test_a_cancelled_path_stops_and_leaves_no_half_result(shop: Workshop) -> None:
    shop.report.cancel()
    with pytest.raises(JobCancelled):
        ship(shop, "terse", "Q4_K_M")
    assert not [
        r
        for r in shop.store.records()
        if r.variant.kind in ("merged", "gguf") and not r.variant.builtin
    ]
    assert not list(shop.store.folder.path.glob(".new-*/*"))


def test_a_source_that_is_deleted_meanwhile_is_named(shop: Workshop, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    shutil.copytree(BUILTIN, folder)
    shop.store.add(folder, name="gone")
    shutil.rmtree(folder)
    with pytest.raises(RagoptError, match="gone"):
        ship(shop, "gone", "Q8_0")


def test_what_a_step_cannot_start_from_is_said_with_the_way_that_leads_there(
    shop: Workshop,
) -> None:
    cases = [
        (lambda: steps.converted(shop, "builtin-q8_0", "F16"), "GGUF file already", "quantize"),
        (
            lambda: steps.quantised(shop, "builtin", "Q4_0"),
            "no GGUF model",
            "ship builtin --to Q4_0",
        ),
        (lambda: steps.quantised(shop, "terse", "Q4_0"), "no GGUF model", "ship terse --to Q4_0"),
        (lambda: steps.quantised(shop, "builtin-q8_0", "Q4_0"), "already .Q8_0.", "--requantize"),
        (lambda: ship(shop, "builtin-q8_0", "Q4_0"), "already .Q8_0.", "--requantize"),
        (lambda: ship(shop, "quotes", "Q4_0"), "quotes cannot be made", "Adapters"),
        (lambda: steps.merged(shop, [("builtin", 1.0)]), "is no adapter", "Name adapters"),
    ]
    for step, sentence, hint in cases:
        with pytest.raises(RagoptError, match=sentence) as raised:
            step()
        assert hint in raised.value.hint
    assert not shop.new
    made = steps.quantised(shop, "builtin-q8_0", "Q4_0", requantize=True)
    assert made.facts.quantisation == "Q4_0"


@pytest.mark.usefixtures("jobs_here")
def test_a_gguf_adapter_sits_on_a_gguf_of_its_base_as_soon_as_there_is_one(
    shop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = make_adapter(tmp_path / "plain", BUILTIN)
    shop.store.add(adapter, name="plain", parent="builtin")
    assert main(["convert", "plain", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert "`ragopt-tui convert builtin`" in first["message"]
    assert " kB" in first["message"]
    assert main(["convert", "plain", "--no-verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["variant"] == first["variant"]
    lost = steps.converted(shop, "builtin", "BF16").variant.path
    assert lost is not None
    lost.unlink()
    base = steps.converted(shop, "builtin", "F16")
    placed = steps.adapter_converted(shop, "plain")
    assert (placed.variant.id, placed.variant.parent) == (first["variant"], base.variant.id)
    assert not shop.store.record(placed.variant.id).variant.problem
    assert steps.adapter_converted(shop, "plain").variant.id == first["variant"]
