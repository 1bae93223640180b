"""Each family goes from an adapter through merging to GGUF and writes there as it did before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import llama_cpp
import pytest
import torch
from tokenizers import AddedToken
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    FalconConfig,
    Gemma2Config,
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)

from ragopt_tui.conversion.convert import convert_model
from ragopt_tui.conversion.converter import Converter
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from tests.conversion.made_tokenizers import (
    VOCABULARY,
    byte_level_tokenizer,
    checkout_that_knows,
    sentencepiece_tokenizer,
)
from tests.conversion.test_merge import by_peft, make_adapter, make_base, merged

SMALL: dict[str, Any] = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": VOCABULARY,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None,
}  # fmt: skip
ENDS = {"bos_token_id": 0, "eos_token_id": 0}
FAMILIES = {
    "llama": LlamaConfig(**SMALL, tie_word_embeddings=False),
    "mistral": MistralConfig(**SMALL, tie_word_embeddings=False, sliding_window=None),
    "gemma": GemmaConfig(**SMALL, head_dim=16),
    "gemma2": Gemma2Config(**SMALL, head_dim=16, query_pre_attn_scalar=16),
    "phi3": Phi3Config(**SMALL, tie_word_embeddings=False, original_max_position_embeddings=512),
    "qwen2": Qwen2Config(**(SMALL | ENDS), tie_word_embeddings=True),
    "qwen3": Qwen3Config(**(SMALL | ENDS), head_dim=16, tie_word_embeddings=True),
    "falcon": FalconConfig(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, vocab_size=VOCABULARY, **ENDS
    ),
}
TARGETS = {"phi3": ["qkv_proj", "o_proj"], "falcon": ["query_key_value", "dense"]}
BYTE_LEVEL = {"qwen2": "qwen2", "qwen3": "qwen2", "falcon": "falcon"}
TEXT = "revenue rose by 4.2 billion in the year; EBITDA fell — by 1,250"


ALIKE = ("llama", "mistral", "gemma", "qwen3")
"""Those that differ little from another one, or that verification compares, are slow tests."""

EACH = [pytest.param(f, marks=[pytest.mark.slow] if f in ALIKE else []) for f in FAMILIES]


@pytest.mark.parametrize("family", EACH)
def test_a_merged_model_of_each_family_gives_the_same_logits_as_gguf(
    tmp_path: Path, converter: Path, reporter: Reporter, family: str
) -> None:
    base = make_base(tmp_path / "base", FAMILIES[family])
    known = Converter(converter, "")
    if family in BYTE_LEVEL:
        byte_level_tokenizer(base, BYTE_LEVEL[family])
        checkout = tmp_path / "llama.cpp"
        known = Converter(
            checkout_that_knows(converter, base, BYTE_LEVEL[family], checkout), "checkout"
        )
    else:
        sentencepiece_tokenizer(base, space_first=not family.startswith("gemma"))
    targets = TARGETS.get(family, ["q_proj", "down_proj"])
    adapter = make_adapter(tmp_path / "adapter", base, target_modules=targets)
    result = merged(tmp_path, base, adapter)
    gguf = tmp_path / "model.gguf"
    convert_model(known, result, gguf, "F16", reporter)

    loaded = llama_cpp.Llama(
        str(gguf), n_ctx=128, logits_all=True, verbose=False, type_k=0, type_v=0
    )
    ids = AutoTokenizer.from_pretrained(result)(TEXT, add_special_tokens=False)["input_ids"]
    assert loaded.tokenize(TEXT.encode(), add_bos=False) == ids
    with torch.inference_mode():
        expected = by_peft(base, adapter).float()(torch.tensor([ids])).logits[0]
        plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        unadapted = plain(torch.tensor([ids])).logits[0]
    loaded.eval(ids)
    got = torch.tensor(loaded.scores[: len(ids)])
    distance = (got - expected).norm() / expected.norm()
    assert distance < 0.01
    assert distance < 0.1 * (got - unadapted).norm() / expected.norm()


def test_a_byte_level_tokenizer_that_llama_cpp_does_not_know_is_refused(
    tmp_path: Path, converter: Path, reporter: Reporter
) -> None:
    base = make_base(tmp_path / "base", FAMILIES["qwen2"])
    byte_level_tokenizer(base, "qwen2")
    with pytest.raises(RagoptError, match="knows no such tokenizer"):
        convert_model(Converter(converter, ""), base, tmp_path / "m.gguf", "F16", reporter)
    assert not (tmp_path / "m.gguf").exists()


def test_a_sentencepiece_tokenizer_without_its_scores_is_refused(
    tmp_path: Path, converter: Path, reporter: Reporter
) -> None:
    base = make_base(tmp_path / "base", FAMILIES["llama"])
    sentencepiece_tokenizer(base)
    (base / "tokenizer.model").unlink()
    with pytest.raises(RagoptError, match=r"no tokenizer\.model"):
        convert_model(Converter(converter, ""), base, tmp_path / "m.gguf", "F16", reporter)
    assert not (tmp_path / "m.gguf").exists()


def test_the_scores_of_the_base_and_the_added_tokens_of_the_adapter_reach_the_gguf(
    tmp_path: Path, converter: Path, reporter: Reporter
) -> None:
    wider = LlamaConfig(**(SMALL | {"vocab_size": VOCABULARY + 1}), tie_word_embeddings=False)
    base = make_base(tmp_path / "base", wider)
    sentencepiece_tokenizer(base)
    adapter = make_adapter(tmp_path / "adapter", base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_tokens([AddedToken("<ebitda>", normalized=False, special=True)])
    tokenizer.save_pretrained(adapter)
    assert not (adapter / "tokenizer.model").exists()
    gguf = tmp_path / "model.gguf"
    result = merged(tmp_path, base, adapter)
    convert_model(Converter(converter, ""), result, gguf, "F16", reporter)
    loaded = llama_cpp.Llama(str(gguf), vocab_only=True, verbose=False)
    text = "revenue rose<ebitda>"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert VOCABULARY in ids
    assert loaded.tokenize(text.encode(), add_bos=False, special=True) == ids
