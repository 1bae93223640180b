"""Tokens, prompts and endings: what is equal passes, and what was lost is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken
from transformers import AutoTokenizer

from ragopt_tui.verification import corpus
from ragopt_tui.verification.endings import check_endings, check_stopping, end_of_turn
from ragopt_tui.verification.report import Finding
from ragopt_tui.verification.sides import Continuation, Side
from ragopt_tui.verification.sides_gguf import GgufSide
from ragopt_tui.verification.sides_transformers import TransformersSide
from ragopt_tui.verification.templates import check_templates
from ragopt_tui.verification.tokens import check_tokens
from tests.verification.chains import TEMPLATE, Chain, edit_json
from tests.verification.conftest import ChainOf
from tests.verification.rewriting import copy_gguf
from tests.verification.tiny_sides import changed_copy, tiny_model, with_template

SAMPLES = corpus.strings((), ["<s>", "</s>", "<unk>"])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("text") / "model")


@pytest.fixture(scope="module")
def chain(chain_of: ChainOf) -> Chain:
    return chain_of("llama")


def compared(parent: Side, child: Side) -> dict[str, Finding]:
    findings = [
        *check_tokens(parent, child, SAMPLES, lambda done, total: None),
        *check_templates(parent, child, corpus.dialogues()),
        *check_endings(parent, child),
    ]
    return {finding.check: finding for finding in findings}


def folders(parent: Path, child: Path) -> dict[str, Finding]:
    return compared(TransformersSide(parent), TransformersSide(child))


def with_gguf(chain: Chain, file: Path) -> dict[str, Finding]:
    side = GgufSide(file)
    try:
        return compared(TransformersSide(chain.merged), side)
    finally:
        side.close()


def changed_gguf(chain: Chain, tmp_path: Path, **values: Any) -> dict[str, Finding]:
    def change(fields: dict[str, Any]) -> None:
        fields.update({f"tokenizer.{key}": value for key, value in values.items()})

    return with_gguf(chain, copy_gguf(chain.gguf, tmp_path / "changed.gguf", fields=change))


@pytest.mark.parametrize("name", ["llama", "qwen3 tied head", "gemma tied"])
def test_nothing_is_lost_on_the_way_to_gguf(chain_of: ChainOf, name: str) -> None:
    chain = chain_of(name)
    found = with_gguf(chain, chain.gguf)
    assert {each.outcome for each in found.values()} == {"passed"}, found
    assert found["tokens.ids"].evidence["strings"] >= 3000
    assert found["template.renders"].evidence["dialogues"] == 16


def test_swapped_token_ids_are_found_with_the_first_texts(model: Path, tmp_path: Path) -> None:
    child = changed_copy(model, tmp_path / "child")

    def swap(values: dict[str, Any]) -> dict[str, Any]:
        words = values["model"]["vocab"]
        words["e"], words["a"] = words["a"], words["e"]
        return values

    edit_json(child / "tokenizer.json", swap)
    finding = folders(model, child)["tokens.ids"]
    assert finding.outcome == "failed"
    assert finding.evidence["differing"] > 1000
    first = finding.evidence["first"][0]
    assert first["parent"] != first["child"]
    assert first["kind"] in finding.evidence["kinds"]


def test_a_vocabulary_that_was_extended_is_compared_in_common(model: Path, tmp_path: Path) -> None:
    child = changed_copy(model, tmp_path / "child")
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.add_tokens([AddedToken("margin", normalized=False)])
    tokenizer.save_pretrained(child)
    edit_json(child / "config.json", lambda values: values | {"vocab_size": 385})
    found = folders(model, child)
    assert found["tokens.ids"].outcome == "passed"
    assert found["tokens.ids"].evidence["extended"] > 0
    assert found["tokens.vocabulary"].outcome == "passed"
    assert "extended" in found["tokens.vocabulary"].sentence
    back = folders(child, model)
    assert back["tokens.ids"].outcome == "failed"
    assert back["tokens.vocabulary"].outcome == "failed"


def test_a_missing_template_is_found(model: Path, chain: Chain, tmp_path: Path) -> None:
    child = with_template(changed_copy(model, tmp_path / "child"), "")
    assert folders(model, child)["template.present"].outcome == "failed"
    found = changed_gguf(chain, tmp_path, chat_template=None)
    assert found["template.present"].outcome == "failed"
    assert "fall back" in found["template.present"].sentence


def test_models_that_never_had_a_template_are_not_compared(model: Path, tmp_path: Path) -> None:
    plain = with_template(changed_copy(model, tmp_path / "plain"), "")
    found = folders(plain, plain)
    assert found["template.present"].outcome == "not compared"
    assert "template.renders" not in found
    assert found["ending.turn"].outcome == "not compared"


def test_a_template_that_was_given_serves_as_its_own(model: Path, tmp_path: Path) -> None:
    plain = with_template(changed_copy(model, tmp_path / "plain"), "")
    given = TransformersSide(plain, template=TEMPLATE)
    found = compared(TransformersSide(model), given)
    assert {each.outcome for each in found.values()} == {"passed"}
    assert "given in the library" in found["template.present"].sentence


def test_another_template_is_found_with_what_it_renders(chain: Chain, tmp_path: Path) -> None:
    found = changed_gguf(chain, tmp_path, chat_template=TEMPLATE.replace("[/", "[end "))
    assert found["template.renders"].outcome == "failed"
    assert "[end " in found["template.renders"].evidence["child"]
    assert found["template.ids"].outcome == "failed"
    assert found["tokens.ids"].outcome == "passed"


def test_a_template_that_fails_is_found(model: Path, tmp_path: Path) -> None:
    wrong = "{{ raise_exception('no such roles') }}"
    child = with_template(changed_copy(model, tmp_path / "child"), wrong)
    finding = folders(model, child)["template.renders"]
    assert finding.outcome == "failed"
    assert "no such roles" in finding.sentence
    assert folders(child, child)["template.renders"].outcome == "passed"


def test_two_beginnings_of_sequence_are_found(chain: Chain, tmp_path: Path) -> None:
    twice = changed_gguf(chain, tmp_path, chat_template="{{ bos_token }}" + TEMPLATE)
    assert twice["template.bos"].outcome == "failed"
    assert twice["template.bos"].measured == 2


def test_a_missing_beginning_of_sequence_is_found(chain: Chain, tmp_path: Path) -> None:
    def without(fields: dict[str, Any]) -> None:
        fields["tokenizer.ggml.add_bos_token"] = False
        fields["tokenizer.chat_template"] = TEMPLATE.removeprefix("{{ bos_token }}")

    found = with_gguf(chain, copy_gguf(chain.gguf, tmp_path / "less.gguf", fields=without))
    assert found["template.bos"].outcome == "failed"
    assert found["template.bos"].measured == 0
    assert found["template.ids"].evidence["only_bos"]


def test_a_flag_that_no_longer_adds_bos_degrades(chain: Chain, tmp_path: Path) -> None:
    def without(fields: dict[str, Any]) -> None:
        fields["tokenizer.ggml.add_bos_token"] = False

    found = with_gguf(chain, copy_gguf(chain.gguf, tmp_path / "flag.gguf", fields=without))
    assert found["template.bos"].outcome == "degraded"
    assert found["template.ids"].outcome == "passed"


def test_another_end_of_sequence_is_found(chain: Chain, tmp_path: Path) -> None:
    def other(fields: dict[str, Any]) -> None:
        fields["tokenizer.ggml.eos_token_id"] = 300

    found = with_gguf(chain, copy_gguf(chain.gguf, tmp_path / "eos.gguf", fields=other))
    assert found["ending.eos"].outcome == "failed"
    assert found["ending.eos"].evidence == {"parent": 2, "child": 300}
    assert found["ending.bos"].outcome == "passed"


def test_ends_lost_from_the_generation_settings_are_found(model: Path, tmp_path: Path) -> None:
    parent = changed_copy(model, tmp_path / "parent")
    more = {"eos_token_id": [2, 301]}
    (parent / "generation_config.json").write_text(json.dumps(more))
    finding = folders(parent, model)["ending.ids"]
    assert finding.outcome == "failed"
    assert finding.evidence["lost"] == [301]


def test_the_end_of_a_turn_must_end_answers(model: Path, tmp_path: Path) -> None:
    marked = TEMPLATE.replace("{{ eos_token }}", "<unk>")
    child = with_template(changed_copy(model, tmp_path / "child"), marked)
    assert end_of_turn(TransformersSide(child)) == 0
    assert end_of_turn(TransformersSide(model)) == 2
    assert folders(model, child)["ending.turn"].outcome == "failed"
    assert folders(child, child)["ending.turn"].outcome == "degraded"
    silent = with_template(
        changed_copy(model, tmp_path / "silent"), TEMPLATE.replace("{{ eos_token }}", "")
    )
    assert folders(model, silent)["ending.turn"].outcome == "failed"


def test_answers_that_no_longer_end_are_found() -> None:
    ends, runs = Continuation("Yes.", True), Continuation("Yes yes yes", False)
    assert check_stopping([ends, ends], [runs, runs], 48).outcome == "failed"
    assert check_stopping([ends, runs], [runs, ends], 48).outcome == "passed"
    assert check_stopping([runs, runs], [runs, runs], 48).outcome == "not compared"
