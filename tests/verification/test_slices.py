"""Some layers alone, in 32 bits, tell a right conversion from a wrong one to the last digit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragopt_tui.conversion.adapted_model import Adapter
from ragopt_tui.conversion.nf4 import Nf4
from ragopt_tui.verification.report import Finding
from ragopt_tui.verification.sides_gguf import GgufSide
from ragopt_tui.verification.slices import (
    FolderSlices,
    GgufSlices,
    Sliceable,
    check_slices,
    compare_logits,
    slices_of,
)
from ragopt_tui.verification.slices_gguf import cut_gguf
from ragopt_tui.verification.thresholds import Thresholds
from tests.verification.chains import Chain
from tests.verification.conftest import ChainOf
from tests.verification.rewriting import Arrays, copy_folder, copy_gguf, rows

IDS = [int(i) for i in np.random.default_rng(5).integers(3, 384, 64)]


@pytest.fixture(scope="module")
def chain(chain_of: ChainOf) -> Chain:
    return chain_of("llama")


def gguf(file: Path, scratch: Path) -> GgufSlices:
    return GgufSlices(file, scratch, 1, lambda: None)


def checked(parent: Sliceable, child: Sliceable, kind: str) -> Finding:
    findings = check_slices(parent, child, IDS, Thresholds(kind), lambda done, total: None)
    assert [finding.check for finding in findings] == ["slices.logits", "slices.distance"]
    return max(findings, key=lambda each: ("passed", "degraded", "failed").index(each.outcome))


def test_a_conversion_is_exact(chain: Chain, tmp_path: Path) -> None:
    worst = checked(FolderSlices(chain.merged), gguf(chain.gguf, tmp_path), "BF16")
    assert worst.outcome == "passed"
    assert max(worst.evidence["divergences"]) < 1e-6
    assert max(worst.evidence["distances"]) < 1e-5
    assert not list(tmp_path.iterdir())


def test_a_merge_made_here_is_exact(chain: Chain) -> None:
    parent = FolderSlices(chain.base, (Adapter(chain.adapters[0]),))
    worst = checked(parent, FolderSlices(chain.merged), "merge")
    assert worst.outcome == "passed"
    assert max(worst.evidence["distances"]) < 1e-6
    assert (
        checked(FolderSlices(chain.base), FolderSlices(chain.merged), "merge").outcome == "failed"
    )


def test_a_merge_onto_four_bits_is_exact(chain_of: ChainOf) -> None:
    chain = chain_of("mistral onto nf4")
    adapters = (Adapter(chain.adapters[0]),)
    onto = FolderSlices(chain.base, adapters, Nf4())
    assert checked(onto, FolderSlices(chain.merged), "merge nf4").outcome == "passed"
    plain = FolderSlices(chain.base, adapters)
    assert checked(plain, FolderSlices(chain.merged), "merge nf4").outcome != "passed"


def test_tied_models_with_a_trained_head_are_exact(chain_of: ChainOf, tmp_path: Path) -> None:
    chain = chain_of("qwen3 tied head")
    parent = FolderSlices(chain.base, (Adapter(chain.adapters[0]),))
    assert checked(parent, FolderSlices(chain.merged), "merge").outcome == "passed"
    worst = checked(FolderSlices(chain.merged), gguf(chain.gguf, tmp_path), "F16")
    assert worst.outcome == "passed"


def test_a_quantised_file_is_as_near_as_its_type(chain: Chain, tmp_path: Path) -> None:
    parent, child = gguf(chain.gguf, tmp_path), gguf(chain.quantised, tmp_path)
    assert checked(parent, child, "Q4_K_M").outcome == "passed"
    assert checked(parent, child, "F16").outcome != "passed"


def test_unpermuted_rows_of_q_are_found(chain: Chain, tmp_path: Path) -> None:
    def plain(arrays: Arrays) -> None:
        size = len(arrays["blk.0.attn_q.weight"][0])
        rows(arrays, "blk.0.attn_q.weight", [*range(0, size, 2), *range(1, size, 2)])

    wrong = copy_gguf(chain.gguf, tmp_path / "plain.gguf", tensors=plain)
    (tmp_path / "scratch").mkdir()
    worst = checked(FolderSlices(chain.merged), gguf(wrong, tmp_path / "scratch"), "BF16")
    assert worst.outcome == "failed"


def test_another_rotation_in_the_header_is_found(chain: Chain, tmp_path: Path) -> None:
    def theta(fields: dict[str, Any]) -> None:
        fields["llama.rope.freq_base"] = 500000.0

    wrong = copy_gguf(chain.gguf, tmp_path / "theta.gguf", fields=theta)
    (tmp_path / "scratch").mkdir()
    worst = checked(FolderSlices(chain.merged), gguf(wrong, tmp_path / "scratch"), "BF16")
    assert worst.outcome == "failed"


def test_a_cut_file_runs_the_layers_asked_for(chain: Chain, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut_gguf(chain.gguf, cut, [1], lambda done, total: None)
    side = GgufSide(cut)
    alone = np.concatenate(list(side.logits(IDS)))
    side.close()
    expected = FolderSlices(chain.merged).logits([1], IDS)
    first = FolderSlices(chain.merged).logits([0], IDS)
    assert compare_logits(expected, alone)[0] < 1e-5
    assert compare_logits(first, alone)[0] > 0.01


def test_large_layers_are_compared_one_at_a_time(chain: Chain, tmp_path: Path) -> None:
    class Large(FolderSlices):
        def numbers(self, layers: int) -> int:
            return layers * 500_000_000

    side = FolderSlices(chain.merged)
    assert slices_of(side, side, exact=True) == [(0, 1)]
    large = Large(chain.merged)
    assert slices_of(large, large, exact=True) == [(0,), (1,)]
    assert slices_of(large, large, exact=False) == [(0,)]


def test_what_one_side_lacks_cannot_be_cut(chain: Chain, tmp_path: Path) -> None:
    from ragopt_tui.errors import RagoptError

    def without(weights: dict[str, Any]) -> dict[str, Any]:
        return {name: each for name, each in weights.items() if "layers.0.mlp.up" not in name}

    less = copy_folder(chain.merged, tmp_path / "less", without)
    with pytest.raises(RagoptError, match=r"mlp\.up_proj"):
        FolderSlices(less).logits([0, 1], IDS)
