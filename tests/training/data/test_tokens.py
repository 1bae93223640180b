"""Tokens on both sides of the border between prompt and answer, for any text."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from ragopt_tui.chat.backends.local import defuse
from ragopt_tui.training.data.preview import preview
from ragopt_tui.training.data.rendered import Rendered
from ragopt_tui.training.data.rendering import Renderer
from ragopt_tui.training.data.tokens import encoded, tokens_of
from tests.conversion.made_tokenizers import byte_level_tokenizer, sentencepiece_tokenizer
from tests.training.data.made import CHATML, MISTRAL, builtin_tokenizer, turns

TEXTS = st.text(
    st.one_of(st.sampled_from(list(" \n\t.?é€revenu[]INST/<>s_|")), st.characters(codec="utf-8")),
    min_size=1,
    max_size=30,
).filter(lambda text: text.strip())


@cache
def tokenizer(kind: str) -> Any:
    with TemporaryDirectory() as folder:
        if kind == "sentencepiece":
            sentencepiece_tokenizer(Path(folder))
        else:
            byte_level_tokenizer(Path(folder), kind)
        made = AutoTokenizer.from_pretrained(folder)
    if kind == "sentencepiece":
        made.chat_template = MISTRAL
    else:
        made.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
        made.chat_template = CHATML
    return made


@given(asked=TEXTS, answer=TEXTS, more=TEXTS)
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("kind", ["builtin", "sentencepiece", "qwen2"])
def test_a_row_reads_as_the_template_and_begins_as_the_prompt_does(
    kind: str, asked: str, answer: str, more: str
) -> None:
    known = builtin_tokenizer() if kind == "builtin" else tokenizer(kind)
    renderer = Renderer(known)
    dialogue = turns(asked, answer, more, answer)
    rendered = renderer.render(dialogue)
    messages = [{"role": m.role, "content": m.content} for m in dialogue.messages]
    messages = defuse(messages, known.all_special_tokens)
    whole = known.apply_chat_template(messages, tokenize=False)
    prompt = known.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True)
    assert known.decode(rendered.ids) == known.decode(encoded(known, whole))
    assert list(renderer.prompt_ids(dialogue)) == encoded(known, prompt)
    assert _stretches(rendered) == 2


def test_where_the_tokenizer_would_join_prompt_and_answer_the_prompt_keeps_its_tokens() -> None:
    known = tokenizer("qwen2")
    prompt, answer = "<|im_start|>rev", "enue rose"
    joined = encoded(known, prompt + answer)
    ids, loss = tokens_of(known, [(prompt, False), (answer, True)])
    before = encoded(known, prompt)
    assert joined[: len(before)] != before
    assert ids[: len(before)] == before
    assert loss == [False] * len(before) + [True] * (len(ids) - len(before))
    assert known.decode(ids) == prompt + answer


def test_a_token_across_the_end_of_an_answer_carries_loss() -> None:
    known = builtin_tokenizer()
    parts = [("Q:", False), (" reven", True), ("ue", False)]
    ids, loss = tokens_of(known, parts)
    assert ids == encoded(known, "Q: revenue")
    assert known.decode([i for i, x in zip(ids, loss, strict=True) if x]).strip() == "revenue"


@given(asked=TEXTS, answer=TEXTS)
@settings(max_examples=40, deadline=None)
def test_the_pieces_of_a_preview_are_the_text_of_the_row(asked: str, answer: str) -> None:
    known = builtin_tokenizer()
    example = turns(asked, answer)
    pieces = preview(example, known)
    assert "".join(text for text, _ in pieces) == known.decode(Renderer(known).render(example).ids)
    assert [loss for _, loss in pieces] == [False, True]


def _stretches(rendered: Rendered) -> int:
    """How often loss begins."""
    before = (False, *rendered.loss)
    return sum(x and not y for x, y in zip(rendered.loss, before, strict=False))
