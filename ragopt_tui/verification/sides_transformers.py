"""A Hugging Face model as a side: by itself, or live with adapters on it through PEFT."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from jinja2 import TemplateError
from transformers import BitsAndBytesConfig, GenerationConfig

from ragopt_tui.chat.backends.transformers_loading import (
    LOADING_ERRORS,
    has_tokenizer,
    load_tokenizer,
    load_whole,
)
from ragopt_tui.conversion.adapted_model import Adapter
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.inspection import read_json
from ragopt_tui.verification.sides import (
    Continuation,
    Dialogue,
    Logits,
    Pulse,
    Rendered,
    SideFacts,
    SideFailed,
    context_of,
    rows_at_once,
    single_bos,
)
from ragopt_tui.verification.sides_adapters import adapter_rows, put_on

_LENGTH_DEPENDENT = ("longrope", "dynamic", "su")


@dataclass(frozen=True, slots=True)
class LiveBase:
    """How the base of a live model is held: `nf4` as QLoRA trained on it, else in full."""

    nf4: bool = False
    double_quant: bool = True


class TransformersSide:
    """A folder, and adapters that act on it without being merged; computed in 32 bits."""

    def __init__(
        self,
        folder: Path,
        *,
        adapters: Sequence[Adapter] = (),
        held: LiveBase | None = None,
        template: str = "",
        pulse: Pulse | None = None,
    ) -> None:
        """Load the tokenizer alone; `template` goes before the files' own. Raises SideFailed."""
        transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self.folder, self._adapters, self._given = folder, tuple(adapters), template
        self._held = held or LiveBase()
        self._pulse = pulse or (lambda: None)
        own = [adapter.folder for adapter in adapters if has_tokenizer(adapter.folder)]
        try:
            self._tokenizer = load_tokenizer((own or [folder])[0])
        except RagoptError as error:
            raise SideFailed(error.message, error.hint, folder) from error
        self._model: Any = None

    @cached_property
    def facts(self) -> SideFacts:
        """What the files say."""
        config = read_json(self.folder / "config.json")
        context, original, window = context_of(config)
        own = self._tokenizer.chat_template
        return SideFacts(
            runtime="transformers",
            width=self._width(config),
            bos=_id(self._tokenizer.bos_token_id),
            eos=_id(self._tokenizer.eos_token_id),
            ends=self._ends(config),
            context_tokens=context,
            original_context=original,
            window=window,
            template=self._given or (own if isinstance(own, str) else ""),
            own_template=not self._given and bool(own),
            adds_bos=self._adds_bos(),
            special=tuple(map(str, self._tokenizer.all_special_tokens)),
        )

    def encode(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Give the tokens of texts, in which special tokens are recognised; none is added."""
        if not texts:
            return []
        encoded = self._tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return [tuple(ids) for ids in encoded["input_ids"]]

    def text(self, ids: Sequence[int]) -> str:
        """Give the text of tokens, specials as they are written."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def render(self, dialogues: Sequence[Dialogue], *, answer: bool) -> list[Rendered]:
        """Render dialogues, up to where an answer begins if `answer`."""
        return [self._rendered(dialogue, answer) for dialogue in dialogues]

    def logits(self, ids: Sequence[int]) -> Iterator[Logits]:
        """Give the logits behind each of `ids`, in pieces of shape (rows, width)."""
        model, rows = self._loaded(), rows_at_once(self.facts.width)
        if len(ids) > rows and self._depends_on_length(len(ids)):
            yield from self._in_whole(model, ids, rows)
            return
        cache = None
        for start in range(0, len(ids), rows):
            piece = torch.tensor([list(ids[start : start + rows])], device=model.device)
            last = start + rows >= len(ids)
            with self._computing():
                output = model(piece, past_key_values=cache, use_cache=not (last and start == 0))
            cache = output.past_key_values
            yield _numbers(output.logits[0])

    def greedy(self, ids: Sequence[int], max_tokens: int) -> Continuation:
        """Continue by the likeliest token until one ends the answer."""
        model, ends = self._loaded(), self.facts.ends
        piece, cache, written = list(ids), None, list[int]()
        while len(written) < max_tokens:
            given = torch.tensor([piece], device=model.device)
            with self._computing():
                output = model(given, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache, token = output.past_key_values, int(output.logits[0, -1].argmax())
            if token in ends:
                return Continuation(self._said(written), True)
            written.append(token)
            piece = [token]
        return Continuation(self._said(written), False)

    def rest(self) -> None:
        """Free the weights, until they are needed again."""
        self._model = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def close(self) -> None:
        """Free everything."""
        self.rest()

    @contextmanager
    def _computing(self) -> Iterator[None]:
        try:
            with torch.inference_mode():
                yield
        except (RuntimeError, IndexError, ValueError) as error:
            reason = (str(error).strip() or repr(error)).splitlines()[0].rstrip(".")
            raise SideFailed(
                f"transformers cannot compute with {self.folder}: {reason}.",
                "Get or make it again.",
                self.folder,
            ) from error

    def _said(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def _in_whole(self, model: Any, ids: Sequence[int], rows: int) -> Iterator[Logits]:  # noqa: ANN401
        """Compute all positions at once for each piece: their rotation depends on the length."""
        given = torch.tensor([list(ids)], device=model.device)
        for start in range(0, len(ids), rows):
            keep = torch.arange(start, min(start + rows, len(ids)), device=model.device)
            with self._computing():
                output = model(given, use_cache=False, logits_to_keep=keep)
            yield _numbers(output.logits[0])

    def _depends_on_length(self, tokens: int) -> bool:
        config = read_json(self.folder / "config.json")
        scaling = config.get("rope_parameters") or config.get("rope_scaling") or {}
        kind = scaling.get("rope_type") or scaling.get("type") if isinstance(scaling, dict) else ""
        return kind in _LENGTH_DEPENDENT and tokens > self.facts.original_context

    def _rendered(self, dialogue: Dialogue, answer: bool) -> Rendered:
        try:
            text = str(
                self._tokenizer.apply_chat_template(
                    dialogue,
                    chat_template=self._given or None,
                    tokenize=False,
                    add_generation_prompt=answer,
                )
            )
        except (TemplateError, ValueError, TypeError) as error:
            return Rendered("", error=f"{type(error).__name__}: {error}")
        (raw,) = self.encode([text])
        return Rendered(text, single_bos(raw, self.facts.bos, insert=False), raw)

    def _width(self, config: dict[str, Any]) -> int:
        text = config.get("text_config") if isinstance(config.get("text_config"), dict) else {}
        rows = [adapter_rows(adapter.folder) for adapter in self._adapters]
        return max(rows, default=0) or int((config | (text or {}))["vocab_size"])

    def _ends(self, config: dict[str, Any]) -> frozenset[int]:
        try:
            said: Any = GenerationConfig.from_pretrained(self.folder).eos_token_id
        except (OSError, ValueError):
            said = config.get("eos_token_id")
        ends = said if isinstance(said, list) else [said]
        known = [*ends, self._tokenizer.eos_token_id]
        return frozenset(end for end in known if isinstance(end, int))

    def _adds_bos(self) -> bool | None:
        bos = self._tokenizer.bos_token_id
        if bos is None:
            return None
        ids = self._tokenizer("a", verbose=False)["input_ids"]
        return bool(ids and ids[0] == bos)

    def _loaded(self) -> Any:  # noqa: ANN401 - each model has its own class
        if self._model is None:
            try:
                self._model = self._load()
            except RagoptError:
                raise
            except (*LOADING_ERRORS, RuntimeError) as error:
                reason = (str(error).strip() or repr(error)).splitlines()[0].rstrip(".")
                raise SideFailed(
                    f"transformers cannot load {self.folder}: {reason}.",
                    "Get or make it again.",
                    self.folder,
                ) from error
        return self._model

    def _load(self) -> Any:  # noqa: ANN401 - each model has its own class
        try:
            model = load_whole(
                self.folder,
                dtype=torch.float32,
                quantization_config=self._quantisation(),
                device_map="cpu",
            )
        except RagoptError as error:
            raise SideFailed(error.message, error.hint, self.folder) from error
        adapted = self._adapted(model).eval()
        for module in adapted.modules():
            if isinstance(module, torch.nn.Linear):
                module.register_forward_pre_hook(lambda *_: self._pulse())
        return adapted

    def _quantisation(self) -> BitsAndBytesConfig | None:
        if not self._held.nf4:
            return None
        return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=self._held.double_quant,
            bnb_4bit_compute_dtype=torch.float32,
        )

    def _adapted(self, model: Any) -> Any:  # noqa: ANN401 - each model has its own class
        if not self._adapters:
            return model
        rows = max(adapter_rows(adapter.folder) for adapter in self._adapters)
        if rows and rows != model.get_input_embeddings().weight.shape[0]:
            model.resize_token_embeddings(rows, mean_resizing=False)
        with warnings.catch_warnings(action="ignore"):
            return put_on(model, self._adapters)


def _numbers(logits: torch.Tensor) -> Logits:
    values: Logits = logits.float().cpu().numpy()
    return np.ascontiguousarray(values)


def _id(value: object) -> int:
    return value if isinstance(value, int) else -1
