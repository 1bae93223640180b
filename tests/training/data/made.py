"""Tokenizers whose tokens are words, with chat templates of the usual kinds, for masks spelled out."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

import ragopt_tui
from ragopt_tui.training.data.example import Example, Message
from ragopt_tui.training.data.rendered import Rendered

BUILTIN = Path(ragopt_tui.__file__).parent / "builtin" / "model"

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CHATML_MARKED = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role }}{% if m.role == 'assistant' %}"
    "{% generation %}{{ '\n' + m.content + '<|im_end|>\n' }}{% endgeneration %}"
    "{% else %}{{ '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start|>' + m.role + '<|end|>\n\n' + "
    "m.content | trim + '<|eot|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start|>assistant<|end|>\n\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role)"
    " + '\n' + m.content | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
PHI3 = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
FORGETS_THINKING = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
    "{{ m.content if loop.last else m.content.split('</think>')[-1] | trim }}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
OPENS_THINKING = CHATML.replace("'<|im_start|>assistant\n'", "'<|im_start|>assistant\n<think>\n'")
OPENS_THINKING_MARKED = (
    "{% for m in messages %}{% if m.role == 'user' %}{{ '<|user|>' + m.content }}{% else %}"
    "{% generation %}{{ '<|assistant|>' + m.content + eos_token }}{% endgeneration %}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|><think>\n' }}{% endif %}"
)
TWO_END_MARKS = CHATML.replace("'<|im_end|>\n'", "'<|end|><|im_end|>\n'", 1)
EMPTY_THINKING = CHATML.replace(
    "m.role + '\n' + m.content",
    "m.role + '\n' + ('<think> </think>' if m.role == 'assistant' else '') + m.content",
)
NO_END = (
    "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
)

_WORDS = "system user assistant model assistant: user: Be short . Hi ? Yes And No more Well m <think> why </think>"
_CONTROL = (
    "<s> </s> <unk> <|im_start|> <|im_end|> <|start|> <|end|> <|eot|> <start_of_turn> <end_of_turn> "
    "<|system|> <|user|> <|assistant|>"
).split()


@cache
def words_tokenizer(template: str, eos: str = "</s>", bos: str = "") -> Any:
    """A tokenizer whose tokens are words with the space before them, and line breaks.

    Padding is the end-of-sequence token. `bos` is the token put before texts, if any.
    """
    words = _WORDS.split()
    pieces = [
        *_CONTROL,
        "\n",
        " ",
        "[INST]",
        "[/INST]",
        " [/INST]",
        *words,
        *(f" {w}" for w in words),
    ]
    tokenizer = Tokenizer(
        models.WordLevel({piece: n for n, piece in enumerate(dict.fromkeys(pieces))}, "<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(
        Regex(r"\n| ?\[/?INST\]| ?[A-Za-z]+:?| ?</?think>| ?[?.]| "), "isolated"
    )
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([AddedToken(each, normalized=False) for each in _CONTROL])
    made: Any = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos or None,
        eos_token=eos,
        pad_token=eos,
        unk_token="<unk>",
        chat_template=template or None,
        clean_up_tokenization_spaces=False,
    )
    if bos:
        made.add_bos_token = True
        from tokenizers.processors import TemplateProcessing

        made.backend_tokenizer.post_processor = TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, made.bos_token_id)]
        )
    return made


@cache
def builtin_tokenizer() -> Any:
    """The built-in model's tokenizer."""
    return AutoTokenizer.from_pretrained(BUILTIN)


def spelled(rendered: Rendered, tokenizer: Any) -> list[str]:
    """Spell tokens out; those that carry loss begin with `+`."""
    tokens = tokenizer.convert_ids_to_tokens(list(rendered.ids))
    assert "<unk>" not in tokens
    return [f"+{t}" if loss else t for t, loss in zip(tokens, rendered.loss, strict=True)]


def turns(*contents: str, system: str = "", untrained: Iterable[int] = ()) -> Example:
    """A dialogue of user and assistant in turn; answers in `untrained` (from 0) have no loss."""
    roles = ("user", "assistant")
    messages = [
        Message(roles[n % 2], text, n % 2 == 1 and n not in untrained)  # type: ignore[arg-type]
        for n, text in enumerate(contents)
    ]
    said = [Message("system", system)] if system else []
    return Example((*said, *messages))
