"""What goes wrong on the way to a GGUF file is said, harms nothing, and can be gone on from."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from ragopt_tui.conversion import converter as converters
from ragopt_tui.conversion import quantize as quantising
from ragopt_tui.conversion import steps
from ragopt_tui.conversion.convert import convert_adapter, convert_model
from ragopt_tui.conversion.converter import Converter, converter_folder
from ragopt_tui.conversion.quantisations import quantisation
from ragopt_tui.conversion.ship import ship
from ragopt_tui.conversion.starting import start_ship
from ragopt_tui.conversion.steps import Workshop
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.jobs.job import Job
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import Settings, folders
from tests.conversion.conftest import BUILTIN
from tests.conversion.made_tokenizers import sentencepiece_tokenizer
from tests.conversion.test_families import FAMILIES
from tests.conversion.test_merge import make_adapter, make_base

STAGES = ("merging", "converting", "quantising")


@pytest.fixture
def shop(store: VariantStore, converter: Path, reporter: Reporter) -> Workshop:
    return Workshop(store, folders(), Settings(), reporter)


def reaches(job: Job, stage: str) -> None:
    """Wait until a job tells of a stage."""
    while job.state == "running" and not any(e.get("stage") == stage for e in job.events().read()):
        time.sleep(0.01)
    assert job.state == "running"


def over(job: Job) -> None:
    while job.state == "running":
        time.sleep(0.02)


def walk(shop: Workshop, steps: int) -> None:
    """Take the first steps of the path to Q4_K_M, which what is found then ends."""
    left = steps

    def check(record: VariantRecord) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise RagoptError("far enough")

    if steps:
        with pytest.raises(RagoptError, match="far enough"):
            ship(shop, "terse", "Q4_K_M", check=check)


def whole(store: VariantStore) -> list[str]:
    """The kinds of what was made, none of which may be broken."""
    made = [r for r in store.records() if r.made is not None]
    assert not [record.variant.problem for record in made if record.variant.problem]
    for record in made:
        assert all((record.variant.path or Path()).parent.rglob("*"))
    return sorted(f"{r.variant.kind} {r.facts.quantisation}".strip() for r in made)


@pytest.mark.parametrize("stage", STAGES)
def test_a_path_killed_at_any_stage_leaves_whole_variants_and_goes_on(
    shop: Workshop, stage: str
) -> None:
    store = shop.store
    walk(shop, STAGES.index(stage))
    job = start_ship("terse", "terse", "Q4_K_M", verify=False)
    reaches(job, stage)
    process = job.folder.process_id()
    assert process is not None
    children = psutil.Process(process).children(recursive=True)
    os.killpg(process, signal.SIGKILL)
    over(job)
    psutil.wait_procs(children, timeout=20)
    before = {"merging": [], "converting": ["merged"], "quantising": ["gguf BF16", "merged"]}
    assert whole(store) in (before[stage], *([*each] for each in before.values()))
    again = Workshop(store, folders(), Settings(), Reporter(folders().data / "events.jsonl"))
    assert ship(again, "terse", "Q4_K_M").facts.quantisation == "Q4_K_M"
    assert whole(store) == ["gguf Q4_K_M"]
    assert not list(store.folder.path.glob(".new-*"))


def test_a_path_cancelled_in_the_middle_stops_at_once_and_keeps_what_is_whole(
    shop: Workshop,
) -> None:
    walk(shop, 1)
    job = start_ship("terse", "terse", "Q4_K_M", verify=False)
    reaches(job, "converting")
    supervisor.cancel(job)
    assert job.state == "cancelled"
    assert whole(shop.store) == ["merged"]


@pytest.mark.parametrize("stage", ["reading adapters", "merging"])
def test_a_base_deleted_while_it_is_merged_is_said(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    base = make_base(tmp_path / "base", FAMILIES["mistral"])
    sentencepiece_tokenizer(base)
    (base / "chat_template.jinja").write_text("{{ messages[0].content }}")
    adapter = make_adapter(tmp_path / "adapter", base)
    shop.store.add(base, name="mine")
    shop.store.add(adapter, name="on-mine", parent="mine")
    progress = shop.report.progress

    def delete(*values: Any, **options: Any) -> None:
        if values[0] == stage:
            shutil.rmtree(base, ignore_errors=True)
        progress(*values, **options)

    monkeypatch.setattr(shop.report, "progress", delete)
    with pytest.raises(RagoptError, match=r"^/.*/base\S* is gone"):
        steps.merged(shop, [("on-mine", 1.0)])
    assert not list(shop.store.folder.path.glob(".new-*"))
    assert whole(shop.store) == []


def test_an_adapter_of_another_base_is_refused_with_both_named(
    shop: Workshop, tmp_path: Path
) -> None:
    base = make_base(tmp_path / "base", FAMILIES["mistral"])
    adapter = make_adapter(tmp_path / "adapter", base)
    with pytest.raises(RagoptError, match="adapter"):
        shop.store.add(adapter, name="wrong", parent="builtin")


def test_without_network_and_converter_the_way_out_is_said(
    store: VariantStore, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(RagoptError, match="could not be fetched") as raised:
        ship(Workshop(store, folders(), Settings(), reporter), "terse", "Q8_0")
    assert "Connect to the network once" in raised.value.hint
    assert "llama_cpp" in raised.value.hint
    assert not list(converter_folder(folders().data).parent.iterdir())


def _lose(folder: Path) -> None:
    (folder / "gguf-py" / "gguf" / "constants.py").unlink()


def _change(folder: Path) -> None:
    (folder / "conversion" / "base.py").write_text("raise SystemExit")


def _add(folder: Path) -> None:
    (folder / "conversion" / "torch.py").write_text("raise SystemExit")


def _forget(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


@pytest.mark.parametrize("damage", [_lose, _change, _add, _forget])
def test_a_damaged_converter_is_never_run(
    shop: Workshop, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    here = converter_folder(folders().data)
    kept = here.resolve()
    here.unlink()
    shutil.copytree(kept, here)
    assert converters.find_converter(folders().data) is not None
    damage(here)
    with pytest.raises(RagoptError, match="cannot be trusted"):
        shop.converter()


def test_llama_cpp_crashing_costs_the_job_and_nothing_else(
    tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "twisted.gguf"
    whole = bytearray((BUILTIN.parent / "gguf" / "builtin-Q8_0.gguf").read_bytes())
    at = whole.index(b"general.architecture") + len(b"general.architecture")
    # A string of 2^60 letters.
    whole[at + 4 : at + 12] = (1 << 60).to_bytes(8, "little")
    source.write_bytes(whole)
    target = tmp_path / "target.gguf"
    with pytest.raises(RagoptError, match=r"twisted\.gguf could not be quantised"):
        quantising.quantize(source, target, quantisation("Q4_0"), reporter, requantize=True)
    assert not target.exists()


def test_a_model_with_code_of_its_own_is_converted_without_running_it(
    tmp_path: Path, converter: Path, reporter: Reporter
) -> None:
    model, ran = tmp_path / "model", tmp_path / "ran"
    make_base(model, FAMILIES["llama"])
    sentencepiece_tokenizer(model)
    trap = f"open({str(ran)!r}, 'w')\n"
    for name in ("tokenization_trap.py", "configuration_trap.py", "torch.py", "sitecustomize.py"):
        (model / name).write_text(trap)
    _edit(model / "config.json", auto_map={"AutoConfig": "configuration_trap.Trap"})
    _edit(
        model / "tokenizer_config.json",
        tokenizer_class="Trap",
        auto_map={"AutoTokenizer": ["tokenization_trap.Trap", "tokenization_trap.Trap"]},
    )
    target = tmp_path / "model.gguf"
    convert_model(Converter(converter, ""), model, target, "F16", reporter)
    assert target.exists()
    assert not ran.exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"modules_to_save": ["lm_head"]}, "head"),
        ({"use_rslora": True, "rank_pattern": {"q_proj": 2}}, "rsLoRA"),
        ({"alpha_pattern": {"q_proj": 4}}, "scale of its own"),
    ],
)
def test_adapters_that_a_gguf_adapter_cannot_hold_are_refused_with_the_reason(
    tmp_path: Path, converter: Path, reporter: Reporter, options: dict[str, Any], named: str
) -> None:
    base = make_base(tmp_path / "base", FAMILIES["mistral"])
    adapter = make_adapter(tmp_path / "adapter", base, **options)
    with pytest.raises(RagoptError, match=named) as raised:
        convert_adapter(
            Converter(converter, ""), adapter, base, tmp_path / "adapter.gguf", reporter
        )
    assert "Merge it" in raised.value.hint


def _edit(file: Path, **values: Any) -> None:
    known = json.loads(file.read_text()) | values
    file.write_text(json.dumps(known))
