"""Divergence, perplexity and likeliest tokens are those that an independent computation gives."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from ragopt_tui.plaintext import without_controls
from ragopt_tui.verification import distributions, sides
from ragopt_tui.verification.corpus import prose
from ragopt_tui.verification.corpus_sequences import sequences
from ragopt_tui.verification.distributions import Predictions
from ragopt_tui.verification.sides_transformers import TransformersSide
from ragopt_tui.verification.thresholds import Thresholds
from tests.verification.tiny_sides import changed_copy, tiny_model

IDS = tuple(tuple(int(i) for i in np.random.default_rng(n).integers(3, 384, 96)) for n in range(3))


def noise(tensors: dict[str, torch.Tensor]) -> None:
    torch.manual_seed(7)
    for name, tensor in tensors.items():
        if tensor.ndim == 2:
            tensors[name] = tensor + (0.05 * tensor.float().std() * torch.randn(tensor.shape)).to(
                tensor.dtype
            )


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("sides") / "parent")


@pytest.fixture(scope="module")
def child(parent: Path) -> Path:
    return changed_copy(parent, parent.parent / "child", noise)


def compared(parent: Path, child: Path, file: Path, ids: Any = IDS) -> Predictions:
    ours, theirs = TransformersSide(parent), TransformersSide(child)
    distributions.write_logits(theirs, ids, file, lambda done, total: None)
    return distributions.compare(ours, file, theirs.facts.width, ids, lambda done, total: None)


def logits_of(folder: Path, ids: tuple[int, ...]) -> Any:
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0].double().numpy()


def test_divergence_is_that_of_an_independent_computation(
    parent: Path, child: Path, tmp_path: Path
) -> None:
    found = compared(parent, child, tmp_path / "logits")
    expected = []
    for ids in IDS:
        p, q = (np.exp(logits_of(folder, ids)) for folder in (parent, child))
        p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
        expected.append((p * np.log(p / q)).sum(axis=1))
    wanted = np.concatenate(expected)
    assert wanted.mean() > 1e-4
    assert np.abs(found.divergence - wanted).max() < 1e-5
    named = {
        f.check: f.measured for f in distributions.check_predictions(found, 96, Thresholds("F16"))
    }
    assert named["distribution.kl_mean"] == pytest.approx(wanted.mean(), abs=1e-5)
    assert named["distribution.kl_median"] == pytest.approx(np.median(wanted), abs=1e-5)
    assert named["distribution.kl_p99"] == pytest.approx(np.quantile(wanted, 0.99), abs=1e-5)
    far = np.concatenate([each[48:] for each in expected])
    assert named["distribution.kl_far"] == pytest.approx(far.mean(), abs=1e-5)


def test_perplexity_is_that_of_the_loss_of_transformers(
    parent: Path, child: Path, tmp_path: Path
) -> None:
    found = compared(parent, child, tmp_path / "logits")
    for folder, got in zip((parent, child), distributions.perplexities(found), strict=True):
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        with torch.inference_mode():
            given = [torch.tensor([ids]) for ids in IDS]
            losses = [float(model(ids, labels=ids).loss) for ids in given]
        assert math.log(got) == pytest.approx(np.mean(losses), abs=1e-5)


def test_logits_in_pieces_are_those_of_one_pass(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sides, "ROWS_BYTES", 20 * 4 * 384)
    side = TransformersSide(parent)
    pieces = list(side.logits(IDS[0]))
    assert [len(piece) for piece in pieces] == [20, 20, 20, 20, 16]
    assert np.abs(np.concatenate(pieces) - logits_of(parent, IDS[0])).max() < 1e-4


def test_the_same_model_differs_nowhere(parent: Path, tmp_path: Path) -> None:
    found = compared(parent, parent, tmp_path / "logits")
    findings = distributions.check_predictions(found, 96, Thresholds("F32"))
    assert {finding.outcome for finding in findings} == {"passed"}
    assert found.divergence.max() < 1e-9
    assert (found.parent_top == found.child_top).all()


def test_numbers_that_are_not_finite_are_found_and_left_out(parent: Path, tmp_path: Path) -> None:
    ours = TransformersSide(parent)
    rows = np.concatenate(list(ours.logits(IDS[0])))
    rows[50:, 7] = math.nan
    rows[60, 7], rows[60, 8] = 0.0, math.inf
    rows.tofile(tmp_path / "logits")
    found = distributions.compare(ours, tmp_path / "logits", 384, IDS[:1], lambda d, t: None)
    finding = distributions.check_finite(found)
    assert finding.outcome == "failed"
    assert finding.measured == 46
    assert np.isfinite(found.divergence[:50]).all()
    assert not found.finite[50:].any()
    assert sum(distributions.histogram(found)[1]) == 50


def test_a_child_without_any_number_is_not_compared(parent: Path, tmp_path: Path) -> None:
    def poison(tensors: dict[str, torch.Tensor]) -> None:
        for tensor in tensors.values():
            tensor.fill_(math.nan)

    found = compared(parent, changed_copy(parent, tmp_path / "c", poison), tmp_path / "logits")
    assert distributions.check_finite(found).outcome == "failed"
    [finding] = distributions.check_predictions(found, 96, Thresholds("F16"))
    assert finding.outcome == "not compared"
    assert (
        distributions.worst_positions(
            found, IDS, TransformersSide(parent), TransformersSide(parent)
        )
        == ()
    )


def test_only_tokens_that_both_have_are_compared(parent: Path, tmp_path: Path) -> None:
    ours = TransformersSide(parent)
    rows = np.concatenate(list(ours.logits(IDS[0])))
    wider = np.concatenate([rows, np.full((len(rows), 5), 99.0, np.float32)], axis=1)
    wider.tofile(tmp_path / "logits")
    found = distributions.compare(ours, tmp_path / "logits", 389, IDS[:1], lambda d, t: None)
    assert found.divergence.max() < 1e-9


def test_worst_positions_stand_in_their_text(parent: Path, child: Path, tmp_path: Path) -> None:
    ours, theirs = TransformersSide(parent), TransformersSide(child)
    found = compared(parent, child, tmp_path / "logits")
    worst = distributions.worst_positions(found, IDS, ours, theirs)
    assert worst[0].divergence == pytest.approx(found.divergence.max())
    assert [each.divergence for each in worst] == sorted(
        (each.divergence for each in worst), reverse=True
    )
    index = int(found.divergence.argmax())
    ids, at = IDS[int(found.sequence[index])], int(found.position[index])
    shown = without_controls(ours.text(ids[: at + 1]))
    assert shown.endswith(worst[0].text_before[-10:])
    assert worst[0].parent_top == without_controls(ours.text([int(found.parent_top[index])]))


def test_sequences_reach_the_far_half_of_the_context(parent: Path) -> None:
    side = TransformersSide(parent)
    made = sequences(side, prose(()), 1_000_000)
    assert len(made.ids[0]) == side.facts.context_tokens == 512
    assert sum(len(ids) - 1 for ids in made.ids) >= 2000
    assert made.left_out == ""
    assert all(ids[0] == side.facts.bos for ids in made.ids)


def test_a_large_model_is_compared_on_shorter_sequences_and_that_is_said(parent: Path) -> None:
    made = sequences(TransformersSide(parent), prose(()), 10**11)
    assert len(made.ids[0]) < 512
    assert "were not compared" in made.left_out
