from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel

from ragopt_tui.knowledge.cross_encoder import SKIMMER, CrossEncoder
from ragopt_tui.knowledge.linear import ByteLinear, in_bytes
from ragopt_tui.knowledge.pair_encoder import PairEncoder, prepared
from ragopt_tui.knowledge.units import passage_units
from tests.passages import passage

if TYPE_CHECKING:
    from ragopt_tui.knowledge.retrieval_models import RetrievalModels

REPORT = passage(
    "The board met eleven times. Deloitte has signed the group's accounts since 2019. "
    "Net debt fell to $41.7 million. Rain delayed the new plant in Leeds by six weeks."
)
CPU = torch.device("cpu")
LAYER = {
    "out": ("attention.output.dense", "attention.attn.o"),
    "attention_norm": ("attention.output.LayerNorm", "attention.LayerNorm"),
    "wide": ("intermediate.dense", "intermediate.dense"),
    "narrow": ("output.dense", "output.dense"),
    "norm": ("output.LayerNorm", "output.LayerNorm"),
}
QUERY_KEY_VALUE = (
    tuple(f"attention.self.{name}" for name in ("query", "key", "value")),
    tuple(f"attention.attn.{name}" for name in "qkv"),
)


def renamed(model: torch.nn.Module, *, mpnet: bool) -> dict[str, torch.Tensor]:
    """The weights of transformers' model under the names of PairEncoder, with a random head."""
    source = model.state_dict()
    weights = {
        "words.weight": source["embeddings.word_embeddings.weight"],
        "positions.weight": source["embeddings.position_embeddings.weight"],
        "head.weight": torch.randn(1, 48),
        "head.bias": torch.randn(1),
    }
    if mpnet:
        weights["relative.weight"] = source["encoder.relative_attention_bias.weight"]
    else:
        weights["types.weight"] = source["embeddings.token_type_embeddings.weight"]
    for kind in ("weight", "bias"):
        weights[f"norm.{kind}"] = source[f"embeddings.LayerNorm.{kind}"]
        for n in range(2):
            at = f"encoder.layer.{n}."
            heads = [source[f"{at}{name}.{kind}"] for name in QUERY_KEY_VALUE[mpnet]]
            weights[f"layers.{n}.qkv.{kind}"] = torch.cat(heads)
            for name, theirs in LAYER.items():
                weights[f"layers.{n}.{name}.{kind}"] = source[f"{at}{theirs[mpnet]}.{kind}"]
    return weights


@pytest.mark.parametrize("mpnet", [False, True])
def test_the_encoder_computes_what_transformers_does(mpnet: bool) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "vocab_size": 90,
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 12,
        "intermediate_size": 96,
    }
    model: Any = (
        MPNetModel(MPNetConfig(**sizes), add_pooling_layer=False)
        if mpnet
        else BertModel(BertConfig(**sizes), add_pooling_layer=False)
    )
    model.eval()
    weights = renamed(model, mpnet=mpnet)
    ids = torch.randint(4, 90, (3, 40))
    mask = torch.arange(40) < torch.tensor([[40], [25], [9]])
    ids[~mask] = 1 if mpnet else 0
    given = {"input_ids": ids, "attention_mask": mask.long()}
    if not mpnet:
        given["token_type_ids"] = ((torch.arange(40) >= 7) & mask).long()
    with torch.no_grad():
        states = model(**given).last_hidden_state[:, 0]
        wanted = (states @ weights["head.weight"].T + weights["head.bias"])[:, 0]
        got = PairEncoder(weights)(ids, mask, 7)
    assert torch.allclose(got, wanted, rtol=1e-4)


def without_byte_instructions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(torch.cpu, "get_capabilities", dict)


def test_weights_in_8_bits_are_restored_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    without_byte_instructions(monkeypatch)
    codes = torch.tensor([[127, -64], [10, 0]], dtype=torch.int8)
    scales = torch.tensor([[0.5], [2.0]])
    stored = {"layers.0.out.weight.codes": codes, "layers.0.out.weight.scales": scales}
    weights = prepared(stored | {"b": torch.ones(2)}, torch.float32, CPU)
    assert weights["layers.0.out.weight"].tolist() == [[63.5, -32.0], [20.0, 0.0]]
    assert weights["b"].tolist() == [1.0, 1.0]


def test_a_processor_without_byte_products_scores_nearly_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    units = passage_units(REPORT)
    asked = ["who is the auditor?", "How high is net debt?", "Why was the plant late?"]
    fast = CrossEncoder(SKIMMER)
    without_byte_instructions(monkeypatch)
    plain = CrossEncoder(SKIMMER)
    for question in asked:
        ours, theirs = fast.logits(question, units), plain.logits(question, units)
        assert np.abs(ours - theirs).mean() < 0.4
        assert int(np.argmax(ours)) == int(np.argmax(theirs))


def test_a_layer_in_8_bits_computes_what_the_whole_one_does() -> None:
    torch.manual_seed(0)
    weight, bias = torch.randn(96, 64), torch.randn(96)
    states = torch.randn(2, 5, 64) * torch.tensor([0.01, 1, 100, 1, 0.01])[:, None]
    layer = ByteLinear(*in_bytes(weight), bias)
    wanted = torch.nn.functional.linear(states, weight, bias)
    error = (layer(states) - wanted).norm(dim=-1) / wanted.norm(dim=-1)
    assert (error < 0.02).all()
    assert torch.equal(layer.part(10, 20)(states), layer(states)[..., 10:20])
    assert layer(torch.zeros(1, 1, 64))[0, 0].tolist() == pytest.approx(bias.tolist())


def test_a_paraphrase_is_recognised_among_other_sentences(
    retrieval_models: RetrievalModels,
) -> None:
    logits = retrieval_models.reading.model.logits("who is the auditor?", passage_units(REPORT))
    assert int(np.argmax(logits)) == 1


def test_the_reader_would_rather_refuse_than_take_what_does_not_answer(
    retrieval_models: RetrievalModels,
) -> None:
    units = passage_units(REPORT)
    assert (
        retrieval_models.reading.model.logits("What do they pay for electricity?", units) < 0
    ).all()


def test_a_unit_is_scored_alike_alone_and_among_others(retrieval_models: RetrievalModels) -> None:
    units = passage_units(REPORT)
    together = retrieval_models.reading.model.logits("How high is net debt?", units)
    alone = [retrieval_models.reading.model.logits("How high is net debt?", [u])[0] for u in units]
    assert np.allclose(together, alone, atol=0.3)  # bfloat16 where the machine computes in it


@pytest.mark.parametrize(
    "question",
    ["", "x" * 50_000, "¿Cuánto? ☃", "word " * 9_000],
    ids=["empty", "one long word", "other signs", "many words"],
)
def test_odd_texts_are_scored(retrieval_models: RetrievalModels, question: str) -> None:
    long = passage_units(passage("figure " * 5_000))
    logits = retrieval_models.reading.model.logits(question, [*passage_units(REPORT), *long])
    assert np.isfinite(logits).all()


def test_nothing_to_read_gives_nothing(retrieval_models: RetrievalModels) -> None:
    assert retrieval_models.skimming.model.logits("How high is net debt?", []).shape == (0,)
