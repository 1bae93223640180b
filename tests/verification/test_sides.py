"""Both runtimes give the same numbers for the same model, and a crash of one is only an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from ragopt_tui.conversion.adapted_model import Adapter
from ragopt_tui.conversion.nf4 import Nf4
from ragopt_tui.verification.sides import SideFailed
from ragopt_tui.verification.sides_gguf import GgufSide
from ragopt_tui.verification.sides_transformers import LiveBase, TransformersSide
from ragopt_tui.verification.slices import compare_logits
from tests.verification.chains import Chain
from tests.verification.conftest import ChainOf
from tests.verification.rewriting import copy_gguf

IDS = [1, *(int(i) for i in np.random.default_rng(3).integers(3, 384, 300))]
DIALOGUE = [{"role": "user", "content": "What was revenue in 2023?"}]


class Stopped(Exception):
    pass


@pytest.fixture(scope="module")
def chain(chain_of: ChainOf) -> Chain:
    return chain_of("llama")


def rows(side: Any) -> Any:
    return np.concatenate(list(side.logits(IDS)))


def test_llama_cpp_and_transformers_agree_on_everything(chain: Chain) -> None:
    ours, theirs = TransformersSide(chain.merged), GgufSide(chain.gguf)
    try:
        assert ours.render([DIALOGUE], answer=True) == theirs.render([DIALOGUE], answer=True)
        assert ours.facts.bos == theirs.facts.bos
        assert ours.facts.ends <= theirs.facts.ends
        assert ours.facts.context_tokens == theirs.facts.context_tokens == 512
        distance, divergence = compare_logits(rows(ours), rows(theirs))
        assert distance < 0.02
        assert divergence < 1e-3
        asked = ours.render([DIALOGUE], answer=True)[0].ids
        assert ours.greedy(asked, 4).text[:4] == theirs.greedy(asked, 4).text[:4]
        theirs.rest()
        assert compare_logits(rows(ours), rows(theirs))[0] == pytest.approx(distance)
    finally:
        theirs.close()


def test_an_adapter_acts_live_as_peft_applies_it(chain: Chain) -> None:
    side = TransformersSide(chain.base, adapters=[Adapter(chain.adapters[0])])
    model: Any = AutoModelForCausalLM.from_pretrained(chain.base, dtype=torch.float32)
    plain = TransformersSide(chain.base)
    with torch.inference_mode():
        expected = PeftModel.from_pretrained(model, chain.adapters[0])(torch.tensor([IDS])).logits
    assert compare_logits(expected[0].numpy(), rows(side))[0] < 1e-5
    assert compare_logits(expected[0].numpy(), rows(plain))[0] > 0.01


def test_the_weights_of_several_adapters_count(chain_of: ChainOf) -> None:
    chain = chain_of("llama of two adapters")
    weighted = [Adapter(a, w) for a, w in zip(chain.adapters, (0.5, 1.5), strict=True)]
    live = rows(TransformersSide(chain.base, adapters=weighted))
    unweighted = [Adapter(adapter) for adapter in chain.adapters]
    merged = rows(TransformersSide(chain.merged))
    near = compare_logits(live, merged)[0]
    assert near < 0.02
    assert (
        near
        < 0.2 * compare_logits(rows(TransformersSide(chain.base, adapters=unweighted)), merged)[0]
    )


def test_a_live_four_bit_base_is_the_one_that_merging_onto_it_gives(chain_of: ChainOf) -> None:
    chain = chain_of("mistral onto nf4")
    adapters = [Adapter(chain.adapters[0])]
    live = rows(TransformersSide(chain.base, adapters=adapters, held=LiveBase(nf4=True)))
    near = compare_logits(live, rows(TransformersSide(chain.merged)))[0]
    far = compare_logits(live, rows(TransformersSide(chain.base, adapters=adapters)))[0]
    assert near < 0.02
    assert near < 0.2 * far
    assert Nf4().double_quant


def test_a_gguf_that_crashes_llama_cpp_is_an_error_with_its_last_words(
    chain: Chain, tmp_path: Path
) -> None:
    def twice(fields: dict[str, Any]) -> None:
        tokens = fields["tokenizer.ggml.tokens"]
        tokens[300] = tokens[301]

    side = GgufSide(copy_gguf(chain.gguf, tmp_path / "twice.gguf", fields=twice))
    try:
        with pytest.raises(SideFailed, match=r"twice\.gguf") as failed:
            side.encode(["revenue"])
        assert failed.value.crashed
        assert failed.value.path == tmp_path / "twice.gguf"
        assert re.search(r"SIGABRT.*token_to_id", failed.value.message)
        with pytest.raises(SideFailed, match="SIGABRT"):
            side.encode(["again"])
    finally:
        side.close()


def test_a_truncated_gguf_is_an_error(chain: Chain, tmp_path: Path) -> None:
    file = tmp_path / "short.gguf"
    file.write_bytes(chain.gguf.read_bytes()[:-100_000])
    side = GgufSide(file)
    with pytest.raises(SideFailed, match=r"short\.gguf"):
        list(side.logits(IDS))
    side.close()


def test_a_gguf_that_is_gone_is_an_error(tmp_path: Path) -> None:
    side = GgufSide(tmp_path / "none.gguf")
    with pytest.raises(SideFailed, match=r"none\.gguf"):
        side.encode(["revenue"])
    side.close()


def test_a_tensor_that_is_missing_is_an_error_with_its_name(chain: Chain, tmp_path: Path) -> None:
    def without(arrays: dict[str, Any]) -> dict[str, Any]:
        return {name: each for name, each in arrays.items() if name != "blk.1.attn_q.weight"}

    side = GgufSide(copy_gguf(chain.gguf, tmp_path / "less.gguf", tensors=without))
    with pytest.raises(SideFailed, match=r"blk\.1\.attn_q\.weight"):
        list(side.logits(IDS))
    side.close()


def test_token_ids_beyond_the_vocabulary_are_an_error_on_both_sides(chain: Chain) -> None:
    for side in (TransformersSide(chain.merged), GgufSide(chain.gguf)):
        with pytest.raises(SideFailed):
            list(side.logits([1, 5000]))
        side.close()


@pytest.mark.parametrize("runtime", ["transformers", "llama.cpp"])
def test_computing_stops_when_the_pulse_says_so(chain: Chain, runtime: str) -> None:
    stops = [False]

    def pulse() -> None:
        if stops[0]:
            raise Stopped

    side: Any
    if runtime == "transformers":
        side = TransformersSide(chain.merged, pulse=pulse)
        next(side.logits(IDS))
        stops[0] = True
        with pytest.raises(Stopped):
            next(side.logits(IDS))
    else:
        side = GgufSide(chain.gguf, pulse=pulse)
        stops[0] = True
        with pytest.raises(Stopped):
            side.encode(["revenue"])
    side.close()


def test_closing_ends_the_process(chain: Chain) -> None:
    side = GgufSide(chain.gguf)
    before = set(psutil.Process().children())
    side.encode(["revenue"])
    [process] = set(psutil.Process().children()) - before
    side.close()
    assert not process.is_running()


def test_folders_without_all_weights_are_an_error(chain: Chain, tmp_path: Path) -> None:
    from tests.verification.rewriting import copy_folder

    def without(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: each for name, each in weights.items() if "layers.1.mlp.up_proj" not in name}

    side = TransformersSide(copy_folder(chain.merged, tmp_path / "less", without))
    with pytest.raises(SideFailed, match="up_proj"):
        list(side.logits(IDS))
