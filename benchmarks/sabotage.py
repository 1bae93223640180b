"""How many faults of models are found, and how often their cause is named first.

python -m benchmarks.sabotage              by what files say alone (about two minutes)
python -m benchmarks.sabotage --whole      verifying each in whole, as the program does
python -m benchmarks.sabotage --healthy    healthy chains in place of faults: alarms there
"""

from __future__ import annotations

import argparse
import os
import tempfile
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

from ragopt_tui.conversion.converter import converter_folder
from ragopt_tui.settings import folders
from ragopt_tui.verification.report import Report
from tests.verification.chains import RECIPES, Chain
from tests.verification.running import by_files, row, verified
from tests.verification.sabotage import FAULTS, Case, healthy


class _Chains:
    """Chains in a folder, each made once."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._made = folder, dict[str, Chain]()
        self._converter = converter_folder(folders().data)

    def __call__(self, name: str) -> Chain:
        if name not in self._made:
            folder = self._folder / name.replace(" ", "-").replace(",", "")
            folder.mkdir()
            self._made[name] = Chain(name, folder, self._converter)
        return self._made[name]


def main() -> None:
    """Print the table and its sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--healthy", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        chains = _Chains(Path(scratch))
        if options.healthy:
            _print_healthy(chains, Path(scratch), whole=options.whole)
        else:
            _print_faults(chains, Path(scratch), whole=options.whole)


def _report(case: Case, folder: Path, *, whole: bool) -> Report:
    return verified(case, folder / "library") if whole else by_files(case)


def _print_faults(chains: _Chains, scratch: Path, *, whole: bool) -> None:
    flagged = right = 0
    for number, fault in enumerate(FAULTS):
        folder = scratch / f"fault{number}"
        folder.mkdir()
        report = _report(fault.inject(chains(fault.chain), folder), folder, whole=whole)
        flagged += report.verdict != "verified"
        right += bool(report.causes) and report.causes[0].name in fault.right
        print(row(fault, report), flush=True)
    count = len(FAULTS)
    print(f"\n{flagged} of {count} flagged ({flagged / count:.0%}); right cause first: ", end="")
    print(f"{right} of {count} ({right / count:.0%})")


def _print_healthy(chains: _Chains, scratch: Path, *, whole: bool) -> None:
    alarms = steps = 0
    for name in RECIPES:
        for step in ("merged", "gguf", "quantised"):
            folder = scratch / f"step{steps}"
            folder.mkdir()
            report = _report(healthy(chains(name), step), folder, whole=whole)
            alarms += report.verdict != "verified"
            steps += 1
            divergence = "" if report.divergence is None else f"{report.divergence:.2g}"
            print(f"{name:44}{step:12}{report.verdict:10}{divergence}", flush=True)
    print(f"\n{alarms} alarms in {steps} steps of {len(RECIPES)} chains")


if __name__ == "__main__":
    main()
