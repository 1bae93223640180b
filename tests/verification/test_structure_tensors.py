"""What became of a tensor is told from its values alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ragopt_tui.verification.structure.arrangement import Heads, arrange
from ragopt_tui.verification.structure.comparing import distance
from ragopt_tui.verification.structure.explaining import explain, pattern

HEADS = Heads(4, 2)


@pytest.fixture
def wanted() -> torch.Tensor:
    return torch.randn(64, 64, generator=torch.Generator().manual_seed(1))


def exchanged(tensor: torch.Tensor) -> torch.Tensor:
    order = torch.arange(len(tensor))
    order[[3, 9]] = order[[9, 3]]
    return tensor[order]


def with_value(tensor: torch.Tensor, value: float) -> torch.Tensor:
    tensor = tensor.clone()
    tensor[5, 7] = value
    return tensor


def without_rows(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.clone()
    tensor[10:14] = 0
    return tensor


CHANGES: dict[str, Any] = {
    "scaled": lambda t: 1.1 * t,
    "offset": lambda t: t + 1,
    "transposed": lambda t: t.T,
    "zeros": lambda t: 0 * t,
    "constant": lambda t: 0 * t + 2,
    "clipped": lambda t: t.clamp(-1.5, 1.5),
    "rows moved": exchanged,
    "columns moved": lambda t: exchanged(t.T).T,
    "some rows": without_rows,
    "not finite": lambda t: with_value(t, float("nan")),
    "different": lambda t: torch.randn(t.shape, generator=torch.Generator().manual_seed(2)),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_what_happened_is_named(wanted: torch.Tensor, kind: str) -> None:
    assert explain(CHANGES[kind](wanted), wanted, 1e-3)["kind"] == kind


@pytest.mark.parametrize("kind", ["scaled", "transposed", "rows moved", "offset"])
def test_it_is_seen_through_rounding(wanted: torch.Tensor, kind: str) -> None:
    noise = 0.05 * torch.randn(64, 64, generator=torch.Generator().manual_seed(3))
    assert explain(CHANGES[kind](wanted) + noise, wanted, 0.1)["kind"] == kind


def test_the_numbers_of_an_explanation_are_right(wanted: torch.Tensor) -> None:
    assert explain(1.25 * wanted, wanted, 1e-3)["ratio"] == pytest.approx(1.25)
    assert explain(wanted - 0.5, wanted, 1e-3)["offset"] == pytest.approx(-0.5, abs=1e-4)
    moved = explain(exchanged(wanted), wanted, 1e-3)
    assert (moved["count"], moved["pairs"]) == (2, [[3, 9], [9, 3]])
    assert explain(without_rows(wanted), wanted, 1e-3)["range"] == [10, 14]


def test_a_change_is_measured_by_what_was_there_before(wanted: torch.Tensor) -> None:
    before = wanted - 0.1 * wanted.flip(0)
    assert explain(before, wanted, 1e-3, before=before)["kind"] == "unchanged"
    half = explain(before + 0.05 * wanted.flip(0), wanted, 1e-3, before=before)
    assert half["kind"] == "change scaled"
    assert half["ratio"] == pytest.approx(0.5, abs=1e-3)


def test_another_tensor_and_another_arrangement_are_recognised(wanted: torch.Tensor) -> None:
    other = wanted.flip(1)
    found = explain(other, wanted, 1e-3, others=[("blk.1.attn_v.weight", lambda: other)])
    assert found == {"kind": "another tensor", "tensor": "blk.1.attn_v.weight"}
    turned = arrange(wanted, "interleaved q", HEADS)
    found = explain(wanted, turned, 1e-3, arranged={"as it is": lambda: wanted})
    assert found == {"kind": "arrangement", "arrangement": "as it is"}


def test_rounding_to_four_bits_is_recognised(wanted: torch.Tensor) -> None:
    grid = torch.linspace(-1, 1, 15)
    blocks = wanted.reshape(-1, 64)
    scale = blocks.abs().amax(1, keepdim=True)
    nearest = (blocks[:, :, None] / scale[:, :, None] - grid).abs().argmin(-1)
    found = explain((grid[nearest] * scale).reshape(64, 64), wanted, 1e-3)
    assert (found["kind"], found["bits"]) == ("rounded", 4)


def test_overflow_is_told_from_other_infinities(wanted: torch.Tensor) -> None:
    large = with_value(wanted, 90_000.0)
    assert explain(large.half().float(), large, 1e-3)["too large"] is True
    assert explain(with_value(wanted, float("inf")), wanted, 1e-3)["too large"] is False


@pytest.mark.parametrize(
    ("pairs", "name"),
    [
        ([[0, 2], [1, 3], [2, 4]], "shifted by 2"),
        ([[0, 11], [3, 8], [11, 0]], "reversed"),
        ([[2, 7], [7, 2]], "two exchanged"),
        ([[0, 5], [5, 0], [1, 6], [6, 1]], "exchanged over 5"),
        ([[0, 1], [1, 1], [2, 1], [3, 1]], "repeated"),
        ([[0, 3], [3, 4], [4, 8]], "rearranged"),
    ],
)
def test_rearrangements_have_names(pairs: list[list[int]], name: str) -> None:
    assert pattern(pairs, 12) == name


def test_distances_are_those_computed_at_once(
    wanted: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragopt_tui.verification.structure.comparing._CHUNK", 640)
    child = 1.02 * wanted
    child[7] += 0.5
    found = distance(wanted, lambda start, stop: child[start:stop])
    error = (child - wanted).norm()
    assert found.relative == pytest.approx(float(error / wanted.norm()), rel=1e-5)
    assert found.scale == pytest.approx(
        float((child * wanted).sum() / wanted.square().sum()), rel=1e-5
    )
    assert found.row == 7
    rows = (child - wanted).norm(dim=1) / wanted.norm(dim=1)
    assert found.row_error == pytest.approx(float(rows[7]), rel=1e-5)
    columns = (child - wanted).norm(dim=0) / wanted.norm(dim=0)
    assert found.column_error == pytest.approx(float(columns.max()), rel=1e-5)


def test_two_exchanged_rows_among_many_are_seen_in_four_bits() -> None:
    wanted = torch.randn(4096, 32, generator=torch.Generator().manual_seed(5))
    noise = 0.08 * torch.randn(4096, 32, generator=torch.Generator().manual_seed(6))
    child = exchanged(wanted) + noise
    found = distance(wanted, lambda start, stop: child[start:stop], blocks=True)
    assert found.relative < 0.16
    assert found.row in (3, 9)
    assert found.row_error > 0.9


def test_interleaving_is_undone_by_parting(wanted: torch.Tensor) -> None:
    for which in "qk":
        turned = arrange(wanted, f"interleaved {which}", HEADS)
        assert not torch.equal(turned, wanted)
        assert torch.equal(arrange(turned, f"parted {which}", HEADS), wanted)
