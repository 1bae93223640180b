"""`ragopt-tui verify`, as it is called from a shell."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from ragopt_tui.cli import main
from ragopt_tui.jobs import supervisor
from ragopt_tui.models.standing import standing_of
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.verification.starting import start_verify
from ragopt_tui.verification.words import warning
from tests.ui.made_reports import BROKEN, DEGRADED, VERIFIED, keep, put_made
from tests.verification.chains import Chain
from tests.verification.conftest import ChainOf, chain_of

__all__ = ["chain_of"]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs `ragopt-tui verify …` and gives its exit code, its output and its errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["verify", *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def converted(chain_of: ChainOf) -> VariantStore:
    """A library with a tiny merged model and the GGUF file made of it."""
    chain: Chain = chain_of("llama of two adapters")
    store = VariantStore(folders().models)
    store.add(chain.merged, name="merged")
    store.add(chain.gguf, name="f16", parent="merged")
    return store


@pytest.mark.usefixtures("jobs_here")
def test_a_gguf_is_verified_against_the_model_that_it_was_made_from(
    converted: VariantStore, said: Callable[..., Any]
) -> None:
    code, out, err = said("f16", "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert (report["child"], report["parent"], report["verdict"]) == ("f16", "merged", "verified")
    assert report["positions"] >= 2000
    standing = standing_of(converted.record("f16"), converted.known)
    assert standing is not None
    assert (standing.verdict, standing.holds) == ("verified", True)


def test_cancelling_leaves_the_variant_unverified_and_usable(converted: VariantStore) -> None:
    job = start_verify("f16", "f16")
    while job.state == "running" and job.progress() is None:
        time.sleep(0.02)
    supervisor.cancel(job)
    assert job.state == "cancelled"
    record = converted.record("f16")
    assert (record.variant.problem, record.verification) == ("", None)
    assert not list(converted.folder.path.glob(".new-*/*"))


@pytest.mark.parametrize(
    ("report", "code", "lines"),
    [
        (VERIFIED, 0, ("✓ Verified", "limit 0.99")),
        (
            DEGRADED,
            4,
            ("~ Degraded", "1. Q4_K_M is coarse", "do      Quantise to Q5_K_M", "over 10"),
        ),
        (BROKEN, 5, ("✗ Broken", "1. The trained head was lost", "not finite", "ikea [bold]")),
    ],
)
def test_the_verdict_is_the_exit_code_and_causes_come_first(
    report: Any, code: int, lines: tuple[str, ...], said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_made()
    keep(report)
    # The job itself is tested above: here only what is printed of its report.
    monkeypatch.setattr("ragopt_tui.commands.verify.start_verify", lambda *_: None)
    monkeypatch.setattr("ragopt_tui.commands.verify.result_of", lambda *_: {})
    given, out, _ = said(report.child)
    assert given == code
    assert all(line in out for line in lines)
    assert out.index("compared with") < out.index("limit")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["quotes"], "quotes was not made from another variant"),
        (["builtin"], "built-in bf16 was not made from another variant"),
        (["old-gguf"], "What phi 3.5 mini Q4_K_M was made from is not in the library."),
        (["builtin-q8_0", "--against", "builtin-q8_0"], "cannot be compared with 'builtin-q8_0'"),
        (["builtin-q8_0", "--against", "nobody"], "There is no model 'nobody'"),
        (["builtin-q8_0", "--docs", "nowhere"], "nowhere is not indexed."),
    ],
)
def test_what_cannot_be_compared_is_said_before_anything_starts(
    arguments: list[str], problem: str, said: Any
) -> None:
    from tests.ui.library_records import GONE, put

    put(GONE)
    code, out, err = said(*arguments)
    assert (code, out) == (1, "")
    assert problem in err
    assert not folders().jobs.exists()


def test_a_parent_that_is_taken_away_meanwhile_is_said(converted: VariantStore, said: Any) -> None:
    converted.remove("merged")
    code, _, err = said("f16")
    assert code == 1
    assert "What f16 was made from is not in the library. Add it, or name what to compare" in err
    assert not warning(
        converted.record("f16"), standing_of(converted.record("f16"), converted.known)
    )


def test_adding_a_model_with_a_known_parent_offers_to_compare_them(
    chain_of: ChainOf, capsys: pytest.CaptureFixture[str]
) -> None:
    chain: Chain = chain_of("llama of two adapters")
    assert main(["models", "add", str(chain.merged), "--name", "merged"]) == 0
    assert "verify" not in capsys.readouterr().out
    assert main(["models", "add", str(chain.gguf), "--name", "f16", "--base", "merged"]) == 0
    assert "`ragopt-tui verify f16` compares it with merged." in capsys.readouterr().out
