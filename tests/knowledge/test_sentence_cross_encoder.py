"""A cross-encoder of the user's own in the place of the built-in ones, made small for the test."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.embedder import Embedder, builtin_folder
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.question import understand
from ragopt_tui.knowledge.reading import read
from ragopt_tui.knowledge.retrieval_models import RetrievalModels
from ragopt_tui.knowledge.retrieve import skim_passages
from ragopt_tui.knowledge.sentence_cross_encoder import SentenceCrossEncoder
from ragopt_tui.knowledge.units import passage_units
from tests.passages import passage

REPORT = passage(
    "The board met eleven times. Net debt fell to $41.7 million. Rain delayed the plant."
)


def saved(folder: Path, labels: int) -> Path:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30522,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=labels,
        initializer_range=1.0,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer = BertTokenizerFast(tokenizer_file=str(builtin_folder() / "tokenizer.json"))
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("cross-encoder"), labels=1)


def test_units_stand_in_the_order_of_its_scores_alone(folder: Path, embedder: Embedder) -> None:
    models = RetrievalModels(embedder, str(folder))
    asked = understand("How high is net debt?")
    skimmed = skim_passages(asked, [Hit(REPORT, 1.0)], models, 5)
    logits = SentenceCrossEncoder(str(folder)).logits(asked.text, passage_units(REPORT))
    probabilities = sorted(1 / (1 + np.exp(-logits)), reverse=True)
    assert [s.score for s in skimmed.units] == pytest.approx(probabilities, abs=1e-4)
    best = passage_units(REPORT)[int(np.argmax(logits))]
    assert skimmed.units[0].unit.words == best.words
    assert skimmed.hits[0].score == pytest.approx(probabilities[0], abs=1e-4)
    assert read(skimmed, models) is skimmed


def test_nothing_to_read_gives_nothing(folder: Path) -> None:
    assert SentenceCrossEncoder(str(folder)).logits("Why?", []).shape == (0,)


def test_one_without_a_single_score_is_refused(tmp_path: Path) -> None:
    three = saved(tmp_path / "three", labels=3)
    with pytest.raises(RagoptError, match="gives 3 numbers") as refused:
        SentenceCrossEncoder(str(three))
    assert "single score" in refused.value.hint


def test_what_is_no_cross_encoder_is_said_with_its_name(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(RagoptError, match=r"There is no cross_encoder '\./nowhere'") as missing:
        SentenceCrossEncoder("./nowhere")
    assert "`builtin`" in missing.value.hint
    (tmp_path / "empty").mkdir()
    with pytest.raises(RagoptError, match="cannot be loaded"):
        SentenceCrossEncoder(str(tmp_path / "empty"))
    pickled = shutil.copytree(folder, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(RagoptError, match="cannot be loaded") as refused:
        SentenceCrossEncoder(str(pickled))
    assert "safetensors" in refused.value.hint
