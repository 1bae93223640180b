"""What the commands of conversion say beforehand of disk and time."""

from __future__ import annotations

import pytest

from ragopt_tui.commands.conversion_estimates import of_converting, of_merging, of_path
from ragopt_tui.conversion.paces import Paces
from ragopt_tui.settings import folders
from tests.ui.library_records import ADAPTER, MISTRAL, put

UNKNOWN = "How long it takes is not known yet: no earlier run here tells it."


@pytest.fixture(autouse=True)
def library() -> None:
    put(MISTRAL, ADAPTER)


def test_a_path_takes_most_in_between_and_what_is_kept_stays() -> None:
    told = of_path("fin-qa", "Q4_K_M", compared=True, importance=False)
    assert told == f"Takes 20.2 GB of disk, then 4.4 GB. {UNKNOWN}"
    kept = of_path("fin-qa", "Q4_K_M", compared=True, importance=False, keep=True)
    assert kept == f"Takes 20.2 GB of disk, then 19.9 GB. {UNKNOWN}"


def test_time_is_that_of_earlier_steps() -> None:
    paces, parameters = Paces.of(folders().data), MISTRAL.facts.parameters or 0
    for step, seconds in (("merge", 60.0), ("convert", 120.0), ("compare", 90.0)):
        paces.note(step, parameters, seconds)
    assert of_merging(["fin-qa"], compared=False).endswith("About 60 s, as earlier runs here took.")
    assert "About 2 min" in of_merging(["fin-qa"], compared=True)
    assert "About 4 min" in of_converting(MISTRAL.variant.id, "BF16", compared=True)
    assert UNKNOWN in of_path("fin-qa", "Q4_K_M", compared=True, importance=False)


def test_nothing_is_said_of_what_cannot_be() -> None:
    assert of_path("fin-qa", "Q9_X", compared=True, importance=False) == ""
    assert of_path("quotes", "Q4_K_M", compared=True, importance=False) == ""
    assert of_converting("fin-qa", "F16", compared=True) == ""
