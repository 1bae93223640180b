"""How long it takes to verify the built-in chain, and the layers of a 7B-shaped model.

    python -m benchmarks.verification_time [--large [LAYERS]]

The chain goes from an adapter of the built-in model (LoRA and a trained head) through the merged
model and F16 to Q8_0 and Q4_K_M; each step is verified on the sample documents. With `--large`, a
Mistral-7B-shaped folder of random weights (14.5 GB; with LAYERS fewer) and its BF16 GGUF are made
in a temporary folder and compared as on a machine without the memory for them; time and peak
memory are those of a process of its own, with llama.cpp's.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.home import use_home
from benchmarks.process_memory import run_measured
from ragopt_tui.conversion import steps
from ragopt_tui.conversion.steps import Workshop
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import builtin_variants
from ragopt_tui.settings import Settings, folders
from ragopt_tui.verification.report import Report
from ragopt_tui.verification.verify import verify

_TOO_LITTLE = 1 << 30
_LARGE_LAYERS = 32


def main(arguments: list[str]) -> None:
    """Verify the chain, or with `--large` the layers of a large model."""
    if arguments[:1] == ["--measure"]:
        measure_layers(Path(arguments[1]))
        return
    with tempfile.TemporaryDirectory(prefix="verifying-") as scratch:
        use_home(Path(scratch))
        if arguments[:1] == ["--large"]:
            large(int(arguments[1]) if arguments[1:] else _LARGE_LAYERS)
        else:
            chain()


def chain() -> None:
    """Make the built-in chain, verify its steps one after the other, print the seconds."""
    shop = workshop()
    make_adapter(shop.folders.data / "terse")
    shop.store.add(shop.folders.data / "terse", name="terse", parent="builtin")
    merged = steps.merged(shop, [("terse", 1.0)])
    whole = steps.converted(shop, merged.variant.id, "F16")
    made = [steps.quantised(shop, whole.variant.id, to) for to in ("Q8_0", "Q4_K_M")]
    pairs = [("terse", merged), (merged.variant.id, whole)]
    pairs += [(whole.variant.id, each) for each in made]
    texts = [
        piece
        for file in sorted(Path("sample_docs").glob("*.md"))
        for piece in file.read_text(encoding="utf-8").split("\n\n")
    ]
    total, spent = 0.0, _processor_seconds()
    for parent, child in pairs:
        report = verify(shop.store, child, shop.store.record(parent), texts, shop.report)
        total += report.seconds
        print(_line(child, report), flush=True)
    spent = _processor_seconds() - spent
    print(f"the chain: {total:.1f} s  (wanted: below 60), {spent:.1f} s of processor time")


def large(layers: int) -> None:
    """Make a large model and its GGUF, and compare some of their layers."""
    from benchmarks.merging import make_base

    shop = workshop()
    folder = shop.folders.data / "large"
    folder.parent.mkdir(exist_ok=True)
    size = make_base(folder, layers)
    with_tokenizer(folder)
    print(f"{size / 1e9:.1f} GB of weights", flush=True)
    source = shop.store.add(folder, name="large")
    made = steps.converted(shop, source.variant.id, "BF16")
    shop.store.folder.path.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.verification_time", "--measure", made.variant.id]
    ran = run_measured(command)
    print(
        f"peak memory: {ran.resident / 1e9:.2f} GB resident, {ran.own / 1e9:.2f} GB without pages "
        "of files  (wanted: below 4)"
    )


def measure_layers(id: Path) -> None:
    """Compare a GGUF with the folder that it came from by layers, and print the time."""
    shop = workshop()
    child = shop.store.record(str(id))
    parent = shop.store.record(child.variant.parent)
    started, spent = time.monotonic(), _processor_seconds()
    report = verify(shop.store, child, parent, (), shop.report, memory=_TOO_LITTLE)
    print(_line(child, report))
    for finding in report.findings:
        if finding.outcome != "passed":
            print(f"  {finding.outcome}: {finding.sentence}")
    seconds = time.monotonic() - started
    spent = _processor_seconds() - spent
    print(f"layers: {seconds:.0f} s  (wanted: below 180), {spent:.0f} s of processor time")


def make_adapter(folder: Path) -> None:
    """Write an adapter of the built-in model, with a trained head, as training leaves one."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(4)
    builtin = next(each.path for each in builtin_variants() if each.id == "builtin")
    model: Any = AutoModelForCausalLM.from_pretrained(str(builtin), dtype=torch.bfloat16)
    config = LoraConfig(
        r=8, target_modules=["q_proj", "v_proj"], modules_to_save=["lm_head"], task_type="CAUSAL_LM"
    )
    adapted: Any = get_peft_model(model, config)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.01)
            elif "modules_to_save" in name:
                parameter.mul_(1.01)
    adapted.save_pretrained(folder)


def with_tokenizer(folder: Path) -> None:
    """Give a folder the built-in model's tokenizer, filled up to the folder's vocabulary."""
    import json
    import shutil

    builtin = next(each.path for each in builtin_variants() if each.id == "builtin")
    assert builtin is not None
    for file in builtin.iterdir():
        if "token" in file.name or file.suffix == ".jinja":
            shutil.copyfile(file, folder / file.name)
    config = json.loads((folder / "config.json").read_text())
    config |= {"bos_token_id": 1, "eos_token_id": 2}
    (folder / "config.json").write_text(json.dumps(config))


def workshop() -> Workshop:
    """Give the library and the settings of the home that is used, and a reporter."""
    where = folders()
    where.data.mkdir(parents=True, exist_ok=True)
    reporter = Reporter(where.data / "events.jsonl")
    return Workshop(VariantStore(where.models), where, Settings(), reporter)


def _processor_seconds() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _line(child: VariantRecord, report: Report) -> str:
    measured = report.divergence
    if measured is None:
        layers = report.finding("slices.logits")
        measured = layers.measured if layers else None
    return (
        f"{child.variant.name}: {report.verdict}, {measured:.2g} nats, "
        f"{report.positions:,} positions, {report.seconds:.1f} s"
        if measured is not None
        else f"{child.variant.name}: {report.verdict}, {report.seconds:.1f} s"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
