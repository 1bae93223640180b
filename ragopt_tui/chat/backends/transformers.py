"""Hugging Face folders, run by transformers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, DynamicCache

from ragopt_tui.chat.backends import Messages, common_prefix, defuse, prompt_too_long, rendered
from ragopt_tui.errors import RagoptError

_PROMPT_CHUNK = 256
_UNFINISHED = "\ufffd"


class TransformersBackend:
    """One model folder; keys and values of the last tokens are kept for prompts that begin alike."""

    def __init__(self, folder: Path, context_tokens: int) -> None:
        """Load `folder` onto the GPU if there is one, else into memory.

        Raises RagoptError if it does not load or has no chat template.
        """
        transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self._folder = folder
        self._tokenizer, self._model = _load(folder)
        if not self._tokenizer.chat_template:
            raise RagoptError(
                f"{folder} has no chat template, so it is unknown how to talk to the model.",
                "Add the chat_template.jinja of the model to the folder.",
            )
        config = self._model.config.get_text_config()
        limit = getattr(config, "max_position_embeddings", None) or context_tokens
        self.context_tokens = min(context_tokens, limit)
        self._special = [str(token) for token in self._tokenizer.all_special_tokens]
        self._ends = _end_tokens(self._model, self._tokenizer)
        self._cache: Any = None
        self._cached: list[int] = []
        self.evaluated_tokens = 0

    def count_tokens(self, text: str) -> int:
        """Give how many tokens `text` has, without special tokens."""
        return len(self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids)

    def prompt_tokens(self, messages: Messages) -> list[int]:
        """Give the tokens of the rendered conversation, with at most one beginning-of-sequence."""
        text = rendered(self._render, defuse(messages, self._special), self._folder)
        encoded = self._tokenizer(text, add_special_tokens=False, verbose=False)
        tokens: list[int] = list(encoded.input_ids)
        bos = self._tokenizer.bos_token_id
        while bos is not None and tokens[:2] == [bos, bos]:
            tokens.pop(0)
        return tokens

    def stream(
        self, messages: Messages, max_tokens: int, cancelled: Callable[[], bool]
    ) -> Iterator[str]:
        """Write the next turn, greedily; `evaluated_tokens` then says how much was not reused."""
        tokens = self.prompt_tokens(messages)
        room = self.context_tokens - len(tokens)
        if room < 1:
            raise prompt_too_long(len(tokens), self.context_tokens)
        written: list[int] = []
        said = ""
        for token in self._continue(tokens, min(max_tokens, room), cancelled):
            written.append(token)
            text = self._tokenizer.decode(written, skip_special_tokens=True)
            # Bytes of a character may span tokens: its replacement stands at the end till then.
            if not text.endswith(_UNFINISHED) and len(text) > len(said):
                yield text[len(said) :]
                said = text
        text = self._tokenizer.decode(written, skip_special_tokens=True)
        if len(text) > len(said) and not cancelled():
            yield text[len(said) :]

    @property
    def dtype(self) -> torch.dtype:
        """The number format of the weights in memory."""
        dtype: torch.dtype = self._model.dtype
        return dtype

    def close(self) -> None:
        """Free the model's memory."""
        self._cache = self._model = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _continue(
        self, tokens: list[int], max_tokens: int, cancelled: Callable[[], bool]
    ) -> Iterator[int]:
        kept = self._reuse(tokens)
        self.evaluated_tokens = len(tokens) - kept
        logits = None
        for start in range(kept, len(tokens), _PROMPT_CHUNK):
            if cancelled():
                return
            logits = self._forward(tokens[start : start + _PROMPT_CHUNK])
        for left in range(max_tokens - 1, -1, -1):
            assert logits is not None
            token = int(logits.argmax())
            if token in self._ends or cancelled():
                return
            yield token
            if left:
                logits = self._forward([token])

    def _forward(self, tokens: list[int]) -> torch.Tensor:
        """Append `tokens` to the cache and give the logits behind the last of them."""
        cache, cached = self._cache, self._cached
        # Out of memory halfway, some layers would hold the tokens and others not.
        self._cache, self._cached = None, []
        with torch.inference_mode():
            output = self._model(
                input_ids=torch.tensor([tokens], device=self._model.device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
        self._cache, self._cached = output.past_key_values, cached + tokens
        logits: torch.Tensor = output.logits[0, -1]
        return logits

    def _render(self, messages: Messages) -> str:
        return str(
            self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
        )

    def _reuse(self, tokens: list[int]) -> int:
        """Cut the cache to the prefix it shares with `tokens`, less the last; give its length."""
        kept = min(common_prefix(self._cached, tokens), len(tokens) - 1)
        if kept and isinstance(self._cache, DynamicCache) and not any(self._cache.is_sliding):
            if kept < len(self._cached):
                self._cache.crop(kept - len(self._cached))
            self._cached = self._cached[:kept]
            return kept
        self._cache, self._cached = None, []
        return 0


def _load(folder: Path) -> tuple[Any, Any]:
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=_dtype(config),
            device_map=_device_map(),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, TypeError, ImportError, SafetensorError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise RagoptError(
            f"transformers cannot load {folder}: {first_line.rstrip('.')}.",
            "Check that the folder is complete and needs no code of its own.",
        ) from error
    model, info = loaded
    missing = sorted(map(str, info["missing_keys"] or info["mismatched_keys"]))
    if missing:
        raise RagoptError(
            f"{folder} lacks {len(missing)} of the model's weights, among them {missing[0]}.",
            "Get the model again.",
        )
    return tokenizer, model.eval()


def _dtype(config: Any) -> torch.dtype:  # noqa: ANN401 - each model has its own class
    stored = getattr(config.get_text_config(), "dtype", None)
    if torch.cuda.is_available():
        return stored if isinstance(stored, torch.dtype) else torch.bfloat16
    return torch.bfloat16 if stored == torch.bfloat16 and _fast_bfloat16() else torch.float32


def _fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself; without that it is slower than float32."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16"))


def _device_map() -> str:
    if not torch.cuda.is_available():
        return "cpu"
    return "auto" if torch.cuda.device_count() > 1 else "cuda:0"


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:  # noqa: ANN401
    configured = model.generation_config.eos_token_id
    ends = configured if isinstance(configured, list) else [configured]
    return frozenset(end for end in [*ends, tokenizer.eos_token_id] if end is not None)
