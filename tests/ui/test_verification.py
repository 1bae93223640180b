"""How variants compare with what they were made from: badges, reports, warnings, jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from ragopt_tui.conversion.paces import Paces
from ragopt_tui.jobs.folder import JobResult
from ragopt_tui.jobs.job import Job
from ragopt_tui.models.standing import file_state
from ragopt_tui.settings import folders
from ragopt_tui.ui.app import RagoptApp
from ragopt_tui.ui.screens.models import Models
from ragopt_tui.ui.screens.pick import Pick
from ragopt_tui.ui.screens.verification import VerificationReport
from tests.ui.library_records import MISTRAL, put
from tests.ui.made_reports import BROKEN, DEGRADED, QUANTISED, VERIFIED, keep, put_made, store
from tests.ui.scripted import ScriptedEngine, scripted_app
from tests.ui.test_models import machine, marked, opened
from tests.ui.test_shipping import disk, written_job
from tests.ui.test_snapshots import SMALL, WIDE, Compare, _still
from tests.ui.test_snapshots_models import estimated
from tests.ui.waiting import ready, screen_text, shown, until

__all__ = ["_still", "disk", "machine"]
SIZE = (120, 36)
REPORTS = {"verified": VERIFIED, "degraded": DEGRADED, "broken": BROKEN}


async def reported(pilot: Pilot[Any], typed: str) -> VerificationReport:
    """Open the report of the variant that is found by what is typed."""
    await marked(pilot, typed)
    await pilot.press("ctrl+r")
    await until(pilot, lambda: isinstance(pilot.app.screen, VerificationReport))
    screen = pilot.app.screen
    assert isinstance(screen, VerificationReport)
    return screen


def notified(app: RagoptApp, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the list to which everything that the program says from here on is added."""
    said: list[str] = []
    monkeypatch.setattr(app, "notify", lambda message, **_: said.append(message))
    return said


@pytest.mark.parametrize(
    ("report", "badge"), [(DEGRADED, "Q4_K_M ~.080"), (BROKEN, "Q4_K_M ✗"), (None, "Q4_K_M ·")]
)
async def test_the_sidebar_shows_how_a_variant_was_verified(report: Any, badge: str) -> None:
    put_made()
    if report is not None:
        keep(report)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await shown(pilot, badge)


async def test_a_changed_file_makes_a_verification_one_of_the_past() -> None:
    put_made()
    keep(DEGRADED, state="of other files")
    app = scripted_app()
    async with app.run_test(size=(160, 45)) as pilot:
        await ready(pilot)
        await shown(pilot, "Q4_K_M ?")
        await reported(pilot, "fin-qa q4")
        await shown(pilot, "? Its files are not those that were verified. Verify it again.")


async def test_the_report_is_offered_only_where_there_is_one() -> None:
    put_made()
    keep(DEGRADED)
    app = scripted_app()
    async with app.run_test(size=(160, 45)) as pilot:
        await marked(pilot, "fin-qa q4")
        await shown(pilot, "^r Report")
        await pilot.press(*["backspace"] * 9, *"unverified")
        await shown(pilot, "^y Verify")
        assert "^r Report" not in screen_text(app)


async def test_a_variant_is_compared_with_what_it_was_made_from_or_with_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put_made()
    Paces.of(folders().data).note("compare", MISTRAL.facts.parameters or 0, 120.0)
    told: list[Any] = []

    def start(*values: Any) -> Job:
        told.append(values)
        return written_job(JobResult("cancelled", "Cancelled."))

    monkeypatch.setattr("ragopt_tui.verification.starting.start_verify", start)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await marked(pilot, "fin-qa q4")
        for keys, against in (("enter",), "fin-qa-merged"), (("down", "enter"), "builtin"):
            await pilot.press("ctrl+y")
            await until(pilot, lambda: isinstance(app.screen, Pick))
            await shown(pilot, "fin-qa merged  which it was made from")
            await shown(pilot, "About 2 min, as earlier runs here took.")
            await pilot.press(*keys)
            await until(pilot, lambda at=against: told and told[-1][2] == at)
            await until(pilot, lambda: app.screen is screen)
    assert [values[:2] for values in told] == [("fin-qa-q4", "fin-qa Q4_K_M")] * 2


@pytest.mark.parametrize(
    ("typed", "offered"), [("merged", True), ("lora", True), ("workshop", False)]
)
async def test_what_is_made_from_another_can_be_verified_and_so_can_merging_an_adapter(
    typed: str, offered: bool
) -> None:
    put_made()
    app = scripted_app()
    async with app.run_test(size=(160, 45)) as pilot:
        await marked(pilot, typed)
        await until(pilot, lambda: ("^y Verify" in screen_text(app)) == offered)


async def test_merges_of_an_adapter_are_measured_and_the_nearer_one_is_chosen_for_gguf(
    monkeypatch: pytest.MonkeyPatch, disk: None
) -> None:
    put_made()
    told: list[Any] = []

    def start(*values: Any) -> Job:
        told.append(values)
        measured = {"nf4": 0.0004, "original": 0.024, "nearer": "nf4", "sentence": "Merge so."}
        state = {"state": file_state(store().record("fin-qa"))}
        store().keep_merge_targets("fin-qa", measured | state)
        return written_job(JobResult("finished", "Merge so."))

    monkeypatch.setattr("ragopt_tui.verification.starting.start_comparing_merges", start)
    app = scripted_app()
    async with app.run_test(size=(160, 45)) as pilot:
        await marked(pilot, "lora")
        await pilot.press("ctrl+y")
        await shown(pilot, "trained on a base in 4 bits (QLoRA)?")
        await pilot.press("enter")
        await shown(pilot, "Merge so.")
        assert told == [("fin-qa", "fin-qa [second try]", "")]
        await pilot.press("ctrl+l")
        await shown(pilot, "[x] N  onto the base in 4 bits, for QLoRA (KL 0.0004, else 0.024)")


@pytest.mark.parametrize(
    ("report", "changes", "said", "stands"),
    [
        (BROKEN, {}, "fin-qa Q4_K_M is broken", "generated · ! broken"),
        (None, {}, "was made here and is not verified", "generated · ! not verified"),
        (DEGRADED, {"state": "other"}, "not those that were verified", "! verified no longer"),
    ],
)
async def test_choosing_what_is_not_proven_warns_once_and_the_status_line_keeps_saying_so(
    report: Any, changes: Any, said: str, stands: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_made()
    if report is not None:
        keep(report, **changes)
    app = scripted_app(engine=ScriptedEngine())
    told = notified(app, monkeypatch)
    async with app.run_test(size=SIZE) as pilot:
        await marked(pilot, "fin-qa q4")
        await pilot.press("enter")
        await shown(pilot, stands)
        await until(pilot, lambda: told)
    assert len(told) == 1
    assert said in told[0]


async def test_a_degraded_variant_answers_without_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put_made()
    keep(DEGRADED)
    app = scripted_app(engine=ScriptedEngine())
    told = notified(app, monkeypatch)
    async with app.run_test(size=SIZE) as pilot:
        await marked(pilot, "fin-qa q4")
        await pilot.press("enter")
        await shown(pilot, "fin-qa Q4_K_M — generated")
        assert "!" not in screen_text(app).split("\n")[-2]
    assert not told


async def test_reports_of_the_steps_before_are_read_with_the_one_of_the_last() -> None:
    put_made()
    keep(VERIFIED)
    keep(DEGRADED)
    store().keep_earlier_verifications("fin-qa-q4", ["fin-qa-merged"])
    store().remove("fin-qa-merged")
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await reported(pilot, "fin-qa q4")
        await shown(pilot, "quantised · step 2 of 2")
        await shown(pilot, "Degraded against fin-qa merged")
        await pilot.press("p")
        await shown(pilot, "merged · step 1 of 2")
        await shown(pilot, "Verified against fin-qa [second try]")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Models))


async def test_a_damaged_report_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    put_made()
    keep(DEGRADED)
    (store().folder.path / "fin-qa-q4" / "report.json").write_text('{"step": "leap"}')
    app = scripted_app()
    told = notified(app, monkeypatch)
    async with app.run_test(size=SIZE) as pilot:
        await marked(pilot, "fin-qa q4")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: told)
    assert told == [
        "The report of fin-qa-q4 cannot be read: it is of the unknown step 'leap'. "
        "Verify the variant again."
    ]


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["small", "wide"])
@pytest.mark.parametrize("verdict", REPORTS)
def test_a_report(snap_compare: Compare, verdict: str, size: tuple[int, int]) -> None:
    report = REPORTS[verdict]

    async def read(pilot: Pilot[Any]) -> None:
        await reported(pilot, "merged" if verdict == "verified" else "fin-qa q4")
        await shown(pilot, f"{verdict.capitalize()} against")

    put_made()
    keep(report)
    assert snap_compare(scripted_app(), terminal_size=size, run_before=read)


def test_the_end_of_a_report(snap_compare: Compare) -> None:
    async def read(pilot: Pilot[Any]) -> None:
        await reported(pilot, "fin-qa q4")
        await pilot.press("end")
        await shown(pilot, "a built-in corpus served")

    put_made()
    keep(DEGRADED)
    assert snap_compare(scripted_app(), terminal_size=SMALL, run_before=read)


def test_verified_degraded_and_broken_variants_without_colour(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def listed(pilot: Pilot[Any]) -> None:
        await opened(pilot, 9)
        await shown(pilot, "✗")
        await pilot.press(*["down"] * 6)
        await shown(pilot, "Broken against")

    put_made(QUANTISED.changed(id="fin-qa-q8", name="fin-qa Q8_0"))
    put(QUANTISED, QUANTISED.changed(id="fin-qa-q2", name="fin-qa Q2_K"))
    keep(VERIFIED)
    keep(DEGRADED)
    keep(replace(BROKEN, child="fin-qa-q2"))
    estimated(monkeypatch, "Fits here: needs 1.2 GB, 51.5 GB are free.", fits=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(scripted_app(), terminal_size=WIDE, run_before=listed)


def test_verified_variants_beside_the_chat_and_a_broken_one_that_answers(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(pilot: Pilot[Any]) -> None:
        await marked(pilot, "fin-qa q4")
        await pilot.press("enter")
        await shown(pilot, "! broken")

    put_made()
    keep(VERIFIED)
    keep(BROKEN)
    app = scripted_app(engine=ScriptedEngine())
    notified(app, monkeypatch)
    assert snap_compare(app, terminal_size=WIDE, run_before=read)
