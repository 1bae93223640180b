from __future__ import annotations

from ragopt_tui.models.variant import builtin_variants, variant_name


def test_the_builtin_variants_are_there() -> None:
    variants = builtin_variants()
    assert [v.id for v in variants] == ["quotes", "builtin", "builtin-q8_0"]
    assert all(v.path is None or v.path.exists() for v in variants)
    assert variants[-1].parent == "builtin"


def test_variants_are_named_by_their_ids() -> None:
    assert variant_name("builtin-q8_0") == "built-in Q8_0"
    assert variant_name("/models/x/Tiny.gguf") == "Tiny.gguf"
    assert variant_name("my\x1bmodel") == "my\ufffdmodel"
