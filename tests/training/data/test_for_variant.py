"""What is rendered for a variant of the library: its template, and the built-in model's way to ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragopt_tui.chat.builtin_prompt import INSTRUCTION
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import Variant, builtin_variants
from ragopt_tui.settings import folders
from ragopt_tui.training.data.example import Evidence, Example
from ragopt_tui.training.data.for_variant import renderer_for
from tests.chat.made_variants import random_adapter
from tests.training.data.made import BUILTIN, turns

ASKED = Example(turns("Revenue?", "5.").messages, evidence=(Evidence("Revenue was 5."),))


def test_an_adapter_on_the_built_in_model_is_trained_on_as_the_model_is_asked(
    tmp_path: Path,
) -> None:
    store = VariantStore(folders().models)
    random_adapter(tmp_path / "adapter", 1)
    variant = store.add(tmp_path / "adapter", name="fin", parent="builtin").variant
    for name in (variant.id, "builtin"):
        renderer, tokenizer = renderer_for(name, store)
        text = tokenizer.decode(renderer.render(ASKED).ids)
        assert text.startswith(f"<s>[INST] {INSTRUCTION}")
        assert text.endswith(
            "[1] 9 | document-1.txt | Revenue was 5.\n\nQuestion: Revenue? [/INST] 5 [1].</s>"
        )
    # A template that the user keeps with the base or the adapter goes before that of the files.
    store.set_chat_template("builtin", "{% for m in messages %}{{ m.role + ' ' }}{% endfor %}")
    renderer, tokenizer = renderer_for(variant.id, store, template="chat")
    with pytest.raises(RagoptError, match="not found again"):
        renderer.render(turns("Hi?", "Yes."))


def test_a_base_without_chat_template_renders_plain_text_alone(tmp_path: Path) -> None:
    for file in BUILTIN.iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).symlink_to(file)
    store = VariantStore(folders().models)
    bare = store.add(tmp_path, name="bare").variant.id
    renderer, tokenizer = renderer_for(bare, store, template="none")
    plain = tokenizer.decode(renderer.render(turns("Hi?", "Yes.")).ids)
    assert plain == "<s>Hi?\n\nYes.</s>"
    renderer, _ = renderer_for(bare, store)
    with pytest.raises(RagoptError, match="no chat template"):
        renderer.render(turns("Hi?", "Yes."))
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(RagoptError, match=r"model\.safetensors"):
        renderer_for(bare, store)


def test_what_was_made_from_the_built_in_model_is_known_by_its_parents() -> None:
    store = VariantStore(folders().models)
    parents = {
        "adapter": "builtin",
        "merged": "adapter",
        "gguf": "merged",
        "other": "",
        "orphan": "gone",
        "round": "about",
        "about": "round",
        "quoted": "quotes",
    }
    for id, parent in parents.items():
        variant = Variant(id, id, "merged", None, False, parent=parent)
        with store.folder.changing():
            store.folder.create(VariantRecord(variant))
    known = [*builtin_variants(), *(store.record(id).variant for id in parents)]
    assert [variant.id for variant in known if store.from_builtin(variant)] == [
        "builtin",
        "builtin-q8_0",
        "adapter",
        "merged",
        "gguf",
    ]
