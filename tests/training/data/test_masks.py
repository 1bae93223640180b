"""Which tokens carry loss, spelled out by hand for every kind of chat template."""

from __future__ import annotations

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.data.example import Example, Message
from ragopt_tui.training.data.pieces import ONLY_LAST, OTHER_START
from ragopt_tui.training.data.rendered import LeftOut
from ragopt_tui.training.data.rendering import render
from tests.training.data import made
from tests.training.data.made import builtin_tokenizer, spelled, turns, words_tokenizer


def test_of_the_built_in_template_the_answer_and_its_end_carry_loss() -> None:
    tokenizer = builtin_tokenizer()
    assert spelled(render(turns("Hi?", "Yes."), tokenizer), tokenizer) == [
        "<s>", "[", "INST", "]", "▁H", "i", "?", "▁[/", "INST", "]", "+▁Yes", "+.", "+</s>",
    ]  # fmt: skip


def test_of_the_built_in_template_every_answer_of_a_dialogue_carries_loss() -> None:
    tokenizer = builtin_tokenizer()
    dialogue = turns("Hi?", "Yes.", "And?", "No.", system="Be short.")
    assert spelled(render(dialogue, tokenizer), tokenizer) == [
        "<s>", "[", "INST", "]", "▁Be", "▁short", ".", "<0x0A>", "<0x0A>", "H", "i", "?",
        "▁[/", "INST", "]", "+▁Yes", "+.", "+</s>",
        "[", "INST", "]", "▁And", "?", "▁[/", "INST", "]", "+▁No", "+.", "+</s>",
    ]  # fmt: skip


DIALOGUE = turns("Hi ?", "Yes .", "And ?", "No .", system="Be short .")
IN_CHATML = [
    "<|im_start|>", "system", "\n", "Be", " short", " .", "<|im_end|>", "\n",
    "<|im_start|>", "user", "\n", "Hi", " ?", "<|im_end|>", "\n",
    "<|im_start|>", "assistant", "\n", "+Yes", "+ .", "+<|im_end|>", "\n",
    "<|im_start|>", "user", "\n", "And", " ?", "<|im_end|>", "\n",
    "<|im_start|>", "assistant", "\n", "+No", "+ .", "+<|im_end|>", "\n",
]  # fmt: skip


@pytest.mark.parametrize("template", [made.CHATML, made.CHATML_MARKED], ids=["bare", "marked"])
@pytest.mark.parametrize("eos", ["<|im_end|>", "</s>"])
def test_chatml_with_and_without_generation_marks_gives_the_same_mask(
    template: str, eos: str
) -> None:
    # The padding token is the end-of-sequence token: it carries loss all the same.
    tokenizer = words_tokenizer(template, eos)
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
    rendered = render(DIALOGUE, tokenizer)
    assert spelled(rendered, tokenizer) == IN_CHATML
    assert rendered.note == ""


def test_a_template_like_llama_3s() -> None:
    tokenizer = words_tokenizer(made.LLAMA3, "<|eot|>", "<s>")
    assert spelled(render(DIALOGUE, tokenizer), tokenizer) == [
        "<s>", "<|start|>", "system", "<|end|>", "\n", "\n", "Be", " short", " .", "<|eot|>",
        "<|start|>", "user", "<|end|>", "\n", "\n", "Hi", " ?", "<|eot|>",
        "<|start|>", "assistant", "<|end|>", "\n", "\n", "+Yes", "+ .", "+<|eot|>",
        "<|start|>", "user", "<|end|>", "\n", "\n", "And", " ?", "<|eot|>",
        "<|start|>", "assistant", "<|end|>", "\n", "\n", "+No", "+ .", "+<|eot|>",
    ]  # fmt: skip


def test_a_template_like_mistrals_has_the_space_before_an_answer_in_its_first_token() -> None:
    tokenizer = words_tokenizer(made.MISTRAL, bos="<s>")
    assert spelled(render(turns("Hi ?", "Yes .", "And ?", "No ."), tokenizer), tokenizer) == [
        "<s>", "[INST]", " Hi", " ?", " [/INST]", "+ Yes", "+ .", "+</s>",
        "[INST]", " And", " ?", " [/INST]", "+ No", "+ .", "+</s>",
    ]  # fmt: skip


def test_a_template_that_refuses_system_turns_gets_their_text_in_the_first_question() -> None:
    tokenizer = words_tokenizer(made.GEMMA, "</s>", "<s>")
    assert spelled(render(DIALOGUE, tokenizer), tokenizer) == [
        "<s>", "<start_of_turn>", "user", "\n", "Be", " short", " .", "\n", "\n", "Hi", " ?",
        "<end_of_turn>", "\n",
        "<start_of_turn>", "model", "\n", "+Yes", "+ .", "+<end_of_turn>", "\n",
        "<start_of_turn>", "user", "\n", "And", " ?", "<end_of_turn>", "\n",
        "<start_of_turn>", "model", "\n", "+No", "+ .", "+<end_of_turn>", "\n",
    ]  # fmt: skip


def test_an_end_of_text_behind_the_last_turn_is_not_the_end_of_an_answer() -> None:
    tokenizer = words_tokenizer(made.PHI3)
    assert spelled(render(turns("Hi ?", "Yes .", "And ?", "No ."), tokenizer), tokenizer) == [
        "<|user|>", "\n", "Hi", " ?", "<|end|>", "\n",
        "<|assistant|>", "\n", "+Yes", "+ .", "+<|end|>", "\n",
        "<|user|>", "\n", "And", " ?", "<|end|>", "\n",
        "<|assistant|>", "\n", "+No", "+ .", "+<|end|>", "\n", "</s>",
    ]  # fmt: skip


def test_a_template_without_end_of_turn_has_the_end_of_sequence_behind_the_last_answer() -> None:
    tokenizer = words_tokenizer(made.NO_END)
    assert spelled(render(turns("Hi ?", "Yes .", "And ?", "No ."), tokenizer), tokenizer) == [
        "user:", " Hi", " ?", "\n", "assistant:", "+ Yes", "+ .", "\n",
        "user:", " And", " ?", "\n", "assistant:", "+ No", "+ .", "+</s>",
    ]  # fmt: skip


def test_where_a_template_forgets_thinking_only_the_last_answer_carries_loss_and_it_is_said() -> (
    None
):
    tokenizer = words_tokenizer(made.FORGETS_THINKING)
    dialogue = turns("Hi ?", "<think> why </think> Yes .", "And ?", "<think> why </think> No .")
    rendered = render(dialogue, tokenizer)
    assert spelled(rendered, tokenizer) == [
        "<|im_start|>", "user", "\n", "Hi", " ?", "<|im_end|>", "\n",
        "<|im_start|>", "assistant", "\n", "Yes", " .", "<|im_end|>", "\n",
        "<|im_start|>", "user", "\n", "And", " ?", "<|im_end|>", "\n",
        "<|im_start|>", "assistant", "\n",
        "+<think>", "+ why", "+ </think>", "+ No", "+ .", "+<|im_end|>", "\n",
    ]  # fmt: skip
    assert rendered.note == ONLY_LAST


def test_without_thinking_in_it_such_a_template_trains_every_answer() -> None:
    tokenizer = words_tokenizer(made.FORGETS_THINKING)
    rendered = render(DIALOGUE, tokenizer)
    assert (spelled(rendered, tokenizer), rendered.note) == (IN_CHATML, "")


def test_where_answers_are_to_begin_with_thinking_loss_begins_at_their_own_words() -> None:
    tokenizer = words_tokenizer(made.OPENS_THINKING)
    rendered = render(DIALOGUE, tokenizer)
    assert (spelled(rendered, tokenizer), rendered.note) == (IN_CHATML, OTHER_START)


def test_generation_marks_hold_no_token_that_the_prompt_has_already() -> None:
    tokenizer = words_tokenizer(made.OPENS_THINKING_MARKED)
    rendered = render(turns("Hi ?", "Yes .", "And ?", "No ."), tokenizer)
    assert spelled(rendered, tokenizer) == [
        "<|user|>", "Hi", " ?", "<|assistant|>", "+Yes", "+ .", "+</s>",
        "<|user|>", "And", " ?", "<|assistant|>", "+No", "+ .", "+</s>",
    ]  # fmt: skip
    assert rendered.note == ""


def test_all_control_tokens_at_the_end_of_an_answer_carry_loss() -> None:
    tokenizer = words_tokenizer(made.TWO_END_MARKS, "<|im_end|>")
    assert spelled(render(turns("Hi ?", "Yes ."), tokenizer), tokenizer) == [
        "<|im_start|>", "user", "\n", "Hi", " ?", "<|end|>", "<|im_end|>", "\n",
        "<|im_start|>", "assistant", "\n", "+Yes", "+ .", "+<|end|>", "+<|im_end|>", "\n",
    ]  # fmt: skip


def test_thinking_that_the_template_adds_to_an_answer_carries_loss_with_it() -> None:
    # `m` also stands in the end mark, where it is not taken for the answer.
    tokenizer = words_tokenizer(made.EMPTY_THINKING)
    assert spelled(render(turns("Hi ?", "m"), tokenizer), tokenizer) == [
        "<|im_start|>", "user", "\n", "Hi", " ?", "<|im_end|>", "\n",
        "<|im_start|>", "assistant", "\n", "+<think>", "+ </think>", "+m", "+<|im_end|>", "\n",
    ]  # fmt: skip


def test_a_dialogue_that_the_template_refuses_is_left_out_with_its_words() -> None:
    asked_twice = Example((*turns("Hi ?").messages, *turns("And ?", "No .").messages))
    with pytest.raises(LeftOut, match="refuses the dialogue: roles must alternate"):
        render(asked_twice, words_tokenizer(made.MISTRAL, bos="<s>"))


def test_system_text_is_never_put_into_an_answer() -> None:
    told = Example((Message("system", "Be short ."), Message("assistant", "Yes .", True)))
    with pytest.raises(LeftOut, match="System role not supported"):
        render(told, words_tokenizer(made.GEMMA, "</s>", "<s>"))


def test_a_model_without_chat_template_is_refused_unless_plain_text_is_asked_for() -> None:
    tokenizer = words_tokenizer("")
    with pytest.raises(RagoptError, match="no chat template") as refused:
        render(turns("Hi ?", "Yes ."), tokenizer)
    assert not isinstance(refused.value, LeftOut)
    assert "template: none" in refused.value.hint
    assert spelled(render(DIALOGUE, tokenizer, template="none"), tokenizer) == [
        "Be", " short", " .", "\n", "\n", "Hi", " ?", "\n", "\n", "+Yes", "+ .", "+</s>",
        "\n", "\n", "And", " ?", "\n", "\n", "+No", "+ .", "+</s>",
    ]  # fmt: skip


def test_answers_without_weight_and_turns_behind_the_last_answer_carry_no_loss() -> None:
    tokenizer = words_tokenizer(made.CHATML)
    dialogue = turns("Hi ?", "Yes .", "And ?", "No .", "Well ?", untrained=[1])
    assert spelled(render(dialogue, tokenizer), tokenizer) == [
        "<|im_start|>", "user", "\n", "Hi", " ?", "<|im_end|>", "\n",
        "<|im_start|>", "assistant", "\n", "Yes", " .", "<|im_end|>", "\n",
        "<|im_start|>", "user", "\n", "And", " ?", "<|im_end|>", "\n",
        "<|im_start|>", "assistant", "\n", "+No", "+ .", "+<|im_end|>", "\n",
    ]  # fmt: skip


def test_with_loss_on_all_tokens_only_the_first_has_none() -> None:
    tokenizer = words_tokenizer(made.MISTRAL, bos="<s>")
    rendered = render(turns("Hi ?", "Yes ."), tokenizer, completion_only=False)
    assert spelled(rendered, tokenizer) == [
        "<s>", "+[INST]", "+ Hi", "+ ?", "+ [/INST]", "+ Yes", "+ .", "+</s>",
    ]  # fmt: skip


@pytest.mark.parametrize("bos", ["", "<s>"])
def test_text_to_read_on_has_its_tokens_once_between_begin_and_end(bos: str) -> None:
    tokenizer = words_tokenizer("", bos=bos)
    tokens = spelled(render(Example(text="Yes . No ."), tokenizer), tokenizer)
    behind = ["+ .", "+ No", "+ .", "+</s>"]
    # Without a token before it, the first word cannot be told from anything.
    assert tokens == (["<s>", "+Yes", *behind] if bos else ["Yes", *behind])


def test_a_template_that_writes_the_begin_which_the_content_repeats_has_it_once() -> None:
    tokenizer = words_tokenizer(made.MISTRAL.replace("{{ bos_token }}", "<s><s>"), bos="<s>")
    assert spelled(render(turns("Hi ?", "Yes ."), tokenizer), tokenizer)[:3] == [
        "<s>", "[INST]", " Hi",
    ]  # fmt: skip


def test_control_tokens_in_a_turn_are_read_as_text() -> None:
    tokenizer = builtin_tokenizer()
    rendered = render(turns("Hi</s>?", "Yes</s>."), tokenizer)
    assert rendered.ids.count(tokenizer.eos_token_id) == 1
    assert rendered.ids[-1] == tokenizer.eos_token_id


@pytest.mark.parametrize(
    ("most", "kept"),
    [
        (8, ["<s>", "[INST]", " Hi", " ?", " [/INST]", "+ Yes", "+ .", "+</s>"]),
        (7, ["<s>", "[INST]", " Hi", " ?", " [/INST]", "+ Yes", "+ ."]),
        (6, ["<s>", "[INST]", " Hi", " ?", " [/INST]", "+ Yes"]),
    ],
)
def test_a_row_that_is_too_long_loses_its_end(most: int, kept: list[str]) -> None:
    tokenizer = words_tokenizer(made.MISTRAL, bos="<s>")
    rendered = render(turns("Hi ?", "Yes ."), tokenizer, max_length=most)
    assert spelled(rendered, tokenizer) == kept
    assert rendered.truncated is (most < 8)
    assert rendered.length == 8


def test_a_row_of_which_no_answer_would_be_left_is_left_out_with_its_length() -> None:
    tokenizer = words_tokenizer(made.MISTRAL, bos="<s>")
    with pytest.raises(LeftOut, match="prompt alone has 5 tokens, max_length is 5"):
        render(turns("Hi ?", "Yes ."), tokenizer, max_length=5)


def test_any_length_is_allowed_without_max_length() -> None:
    tokenizer = words_tokenizer(made.MISTRAL, bos="<s>")
    rendered = render(turns("Hi ?" * 900, "Yes ."), tokenizer, max_length=None)
    assert (rendered.truncated, len(rendered.ids)) == (False, rendered.length)
