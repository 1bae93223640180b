"""Converting and quantising a Mistral-7B-shaped model, beside llama.cpp's own tools called bare.

    python -m benchmarks.converting [LAYERS]

Random weights of 32 layers (14.5 GB; with LAYERS fewer) are converted to BF16, and that to Q4_K_M,
in a temporary folder: by the steps that jobs take, and by llama.cpp's converter and its
`llama_model_quantize` in a Python process that does nothing else. Each is run twice, in turns; the
better run counts. Memory is that of all processes of a step.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.home import use_home
from benchmarks.merging import make_base
from benchmarks.process_memory import Ran, run_measured
from benchmarks.verification_time import with_tokenizer, workshop
from ragopt_tui.conversion.quantisations import quantisation
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import Variant
from ragopt_tui.settings import folders

_LAYERS = 32
_ROUNDS = 2
_OUTPUT, _TO = "BF16", "Q4_K_M"
_STEP = """
import sys
from pathlib import Path
from ragopt_tui.conversion import steps
from ragopt_tui.conversion.jobs import workshop
from ragopt_tui.jobs.events import Reporter
events, name, id, to = sys.argv[1:]
step = steps.converted if name == "convert" else steps.quantised
step(workshop(Reporter(Path(events))), id, to)
"""
_QUANTISE = """
import os, sys, ctypes, llama_cpp
parameters = llama_cpp.llama_model_quantize_default_params()
parameters.ftype, parameters.nthread = int(sys.argv[3]), os.cpu_count()
source, target = sys.argv[1].encode(), sys.argv[2].encode()
status = llama_cpp.llama_model_quantize(source, target, ctypes.byref(parameters))
sys.stderr.flush()
os._exit(status)
"""


def main(arguments: list[str]) -> None:
    """Make the files, take the steps both ways, print ratios and memory."""
    with tempfile.TemporaryDirectory(prefix="converting-") as scratch:
        use_home(Path(scratch))
        compare(Path(scratch), int(arguments[0]) if arguments else _LAYERS)


def compare(scratch: Path, layers: int) -> None:
    """Make the model, and compare both steps with llama.cpp's."""
    shop = workshop()
    base = shop.folders.data / "large"
    size = make_base(base, layers)
    with_tokenizer(base)
    print(f"{size / 1e9:.1f} GB of weights", flush=True)
    source = shop.store.add(base, name="large").variant.id
    script = shop.converter().model_script
    bare = scratch / "bare.gguf"
    convert: list[str | Path] = [sys.executable, script, base, "--outfile", bare]
    convert += ["--outtype", _OUTPUT.lower()]
    ours: list[str | Path] = [sys.executable, "-c", _STEP, scratch / "events.jsonl"]
    _compare("converting", [*ours, "convert", source, _OUTPUT], lambda: _run(convert, bare))
    (whole,) = _made_of(source)
    assert whole.path is not None
    file_type = str(quantisation(_TO).file_type)
    quantise: list[str | Path] = [sys.executable, "-c", _QUANTISE, whole.path, bare, file_type]
    _compare("quantising", [*ours, "quantise", whole.id, _TO], lambda: _run(quantise, bare))


def _compare(what: str, command: list[str | Path], bare: Callable[[], Ran]) -> None:
    store, ours, theirs = VariantStore(folders().models), [], []
    for _ in range(_ROUNDS):
        for made in _made_of(str(command[-2])):
            store.remove(made.id)
            store.purge(made.id)
        os.sync()
        theirs.append(bare())
        os.sync()
        ours.append(run_measured(command, subprocess.DEVNULL))
    ratio = min(run.seconds for run in ours) / min(run.seconds for run in theirs)
    print(f"{what}: {_shown(ours)}; llama.cpp bare: {_shown(theirs)}")
    print(f"{what}: time ratio {ratio:.2f}  (wanted: about 1)", flush=True)


def _run(command: list[str | Path], made: Path) -> Ran:
    ran = run_measured(command, subprocess.DEVNULL)
    made.unlink()
    return ran


def _made_of(id: str) -> list[Variant]:
    records = VariantStore(folders().models).records()
    return [each.variant for each in records if (each.made or {}).get("of") == id]


def _shown(runs: list[Ran]) -> str:
    seconds, resident = min(run.seconds for run in runs), max(run.resident for run in runs)
    own = max(run.own for run in runs)
    return (
        f"{seconds:.1f} s, {resident / 1e9:.2f} GB resident, {own / 1e9:.2f} GB without pages of "
        "files"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
