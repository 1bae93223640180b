"""What becomes of verifying: kept with the variant, one stage of a path, and where it ends one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ragopt_tui.conversion import steps
from ragopt_tui.conversion.ship import ship
from ragopt_tui.conversion.steps import Workshop
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import EventReader, JobCancelled, Reporter
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.standing import standing_of
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import Settings, folders
from ragopt_tui.verification import verify as verifying
from ragopt_tui.verification.checking import Checking
from ragopt_tui.verification.report import Cause, Finding, Outcome, Report
from ragopt_tui.verification.stored import stored_reports
from ragopt_tui.verification.words import warning
from tests.conversion.conftest import converter
from tests.verification.chains import Chain
from tests.verification.conftest import ChainOf

__all__ = ["converter"]
CAUSE = Cause("head.lost", "The trained head was lost.", "It is missing.", "Merge it again.", 0.9)


@dataclass
class Scripted:
    """Stands in for the comparison itself: what it finds is given by the step."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    compared: list[tuple[str, str]] = field(default_factory=list)
    cancels: bool = False

    def __call__(
        self,
        _store: VariantStore,
        child: VariantRecord,
        parent: VariantRecord,
        _texts: Sequence[str],
        report: Reporter,
    ) -> Report:
        step = (child.made or {})["step"]
        self.compared.append((step, parent.variant.kind))
        report.progress("comparing", 1, 2, "texts")
        if self.cancels:
            raise JobCancelled
        outcome = self.outcomes.get(step, "passed")
        found = Finding("distribution.kl_mean", outcome, "The mean KL divergence is 0.02.", 0.02)
        causes = (CAUSE,) if outcome == "failed" else ()
        return Report(child.variant.id, parent.variant.id, step, (found,), causes)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    found = Scripted()
    monkeypatch.setattr(verifying, "verify", found)
    return found


@pytest.fixture
def shop(converter: Path, chain_of: ChainOf, tmp_path: Path) -> Workshop:
    """A library with a tiny base and its adapter `fin`."""
    chain: Chain = chain_of("llama of two adapters")
    store = VariantStore(folders().models)
    store.add(chain.base, name="base")
    store.add(chain.adapters[0], name="fin", parent="base")
    return Workshop(store, folders(), Settings(), Reporter(tmp_path / "events.jsonl"))


def shipped(shop: Workshop) -> VariantRecord:
    return ship(shop, "fin", "Q8_0", check=Checking(shop.store, (), shop.report))


def test_each_step_is_verified_and_the_reports_outlive_what_stands_between(
    shop: Workshop, scripted: Scripted, tmp_path: Path
) -> None:
    scripted.outcomes = {"merge": "degraded"}
    made = ship(shop, "fin", "Q4_K_M", check=Checking(shop.store, (), shop.report))
    assert scripted.compared == [("merge", "adapter"), ("convert", "merged"), ("quantise", "gguf")]
    own = [r.variant.id for r in shop.store.records() if not r.variant.builtin]
    assert own == ["base", "fin", made.variant.id]
    reports = stored_reports(shop.store, made.variant.id)
    assert [each.step for each in reports] == ["merge", "convert", "quantise"]
    standing = standing_of(made, shop.store.known)
    assert standing is not None
    assert (standing.verdict, standing.divergence) == ("degraded", 0.02)
    assert standing.parent_name == "fin merged BF16"
    assert standing.holds
    events = EventReader(tmp_path / "events.jsonl").read()
    places = [e["place"] for e in events if e.get("stage") == "comparing"]
    assert places == ["2 of 6", "4 of 6", "6 of 6"]
    said = [e["text"] for e in events if e["type"] == "message"]
    assert any("fin merged is degraded against fin" in text for text in said)


def test_a_path_ends_at_what_is_broken_with_the_cause_and_keeps_what_was_made(
    shop: Workshop, scripted: Scripted
) -> None:
    scripted.outcomes = {"merge": "failed"}
    with pytest.raises(
        RagoptError, match=r"fin merged is broken .*The trained head was lost"
    ) as it:
        shipped(shop)
    assert it.value.hint.startswith("Merge it again. `ragopt-tui verify fin-merged`")
    assert scripted.compared == [("merge", "adapter")]
    [merged] = [r for r in shop.store.records() if r.variant.kind == "merged"]
    assert "is broken" in warning(merged, standing_of(merged, shop.store.known))


def test_a_step_that_is_verified_is_not_verified_again(shop: Workshop, scripted: Scripted) -> None:
    scripted.outcomes = {"convert": "failed"}
    with pytest.raises(RagoptError, match="is broken"):
        shipped(shop)
    shop.new.clear()
    scripted.compared.clear()
    with pytest.raises(RagoptError, match="is broken"):
        shipped(shop)
    assert scripted.compared == [("convert", "merged")]
    assert not shop.new


def test_cancelled_in_the_middle_leaves_a_variant_that_can_be_used_with_a_warning(
    shop: Workshop, scripted: Scripted
) -> None:
    scripted.cancels = True
    with pytest.raises(JobCancelled):
        shipped(shop)
    [merged] = [r for r in shop.store.records() if r.variant.kind == "merged"]
    assert not merged.variant.problem
    assert merged.verification is None
    assert "not verified" in warning(merged, standing_of(merged, shop.store.known))


def test_changed_files_of_either_make_a_verification_one_of_the_past(
    shop: Workshop, scripted: Scripted
) -> None:
    id = steps.merged(shop, [("fin", 1.0)]).variant.id
    Checking(shop.store, (), shop.report)(shop.store.record(id))
    adapter, merged = shop.store.record("fin"), shop.store.record(id)
    for record, said in ((adapter, "changed since"), (merged, "not those that were verified")):
        folder = record.variant.path
        assert folder is not None
        file = next(folder.glob("*.safetensors"))
        before = file.stat()
        os.utime(file, (1, 1))
        standing = standing_of(merged, shop.store.known)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert standing is not None
        assert said in standing.stale
        assert not standing.holds


def test_a_chat_template_that_the_user_gave_goes_along(shop: Workshop, scripted: Scripted) -> None:
    shop.store.set_chat_template("base", "{{ messages[0]['content'] }}")
    assert steps.merged(shop, [("fin", 1.0)]).chat_template == "{{ messages[0]['content'] }}"
