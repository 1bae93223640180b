"""A renderer for a variant of the library: its tokenizer, chat template and way of being asked."""

from __future__ import annotations

from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.condition import weights_problem
from ragopt_tui.models.model_files import model_files
from ragopt_tui.models.store import VariantStore
from ragopt_tui.training.data.rendered import Template
from ragopt_tui.training.data.rendering import Renderer


def renderer_for(
    name: str,
    store: VariantStore,
    *,
    template: Template = "auto",
    completion_only: bool = True,
    max_length: int | None = 1024,
) -> tuple[Renderer, Any]:
    """Give what renders for a variant, and its tokenizer; no weights are loaded.

    Raises RagoptError where the variant is not there or has no tokenizer of transformers.
    """
    from ragopt_tui.chat.backends.transformers_loading import has_tokenizer, load_tokenizer

    variant = store.find(name)
    record = store.known(variant.id)
    # One that cannot answer for want of a chat template can be trained on plain text.
    problem = weights_problem(record, store.known) if record else ""
    if problem:
        raise RagoptError(problem, "Mend it or choose another.")
    files = model_files(variant, store.find)
    if files.gguf:
        raise RagoptError(
            f"{variant.name} is a GGUF model, which cannot be trained.",
            "Name the Hugging Face model that it was made from.",
        )
    own = files.adapter is not None and has_tokenizer(files.adapter)
    tokenizer = load_tokenizer(files.adapter if files.adapter and own else files.base)
    records = [store.known(each) for each in (variant.id, variant.parent)]
    chat_template = next((r.chat_template for r in records if r and r.chat_template), "")
    renderer = Renderer(
        tokenizer,
        template=template,
        completion_only=completion_only,
        max_length=max_length,
        builtin=store.from_builtin(variant),
        chat_template=chat_template,
    )
    return renderer, tokenizer
