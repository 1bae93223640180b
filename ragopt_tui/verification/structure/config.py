"""config.json with one spelling for each thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.models.inspection import read_json

_NEAR = 1e-4


@dataclass(frozen=True, slots=True)
class Config:
    """config.json as transformers reads it, with one spelling for each thing."""

    values: Mapping[str, Any]
    rope: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Config:
        """Read a folder's config.json, as it stands where transformers does not know the model."""
        from transformers import AutoConfig

        raw = read_json(folder / "config.json")
        raw |= raw.get("text_config") or {}
        try:
            known = AutoConfig.from_pretrained(folder, trust_remote_code=False).get_text_config()
            values = {key: v for key, v in raw.items() if v is not None}
            values = known.to_dict() | values
        except (ValueError, KeyError, OSError, AttributeError):
            values = raw
        rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
        rope = dict(rope.get("full_attention") or rope)
        if "type" in rope:
            rope.setdefault("rope_type", rope.pop("type"))
        if values.get("rope_theta") is not None:
            rope.setdefault("rope_theta", values["rope_theta"])
        for key in ("partial_rotary_factor", "original_max_position_embeddings"):
            if values.get(key) is not None:
                rope.setdefault(key, values[key])
        return cls(values, rope)

    def get(self, *names: str) -> Any:  # noqa: ANN401 - a value of JSON
        """Give the first of several spellings that is there."""
        return next((self.values[n] for n in names if self.values.get(n) is not None), None)

    @property
    def head_width(self) -> int:
        """How many numbers a head has."""
        heads = int(self.get("num_attention_heads", "n_head") or 1)
        return int(self.get("head_dim") or int(self.get("hidden_size", "n_embd") or 0) // heads)


def near(got: Any, wanted: Any) -> bool:  # noqa: ANN401 - values of two headers
    """Whether two values are the same, numbers but for their rounding."""
    if isinstance(got, (int, float)) and isinstance(wanted, (int, float)):
        return abs(float(got) - float(wanted)) <= _NEAR * max(abs(float(wanted)), 1e-12)
    return bool(got == wanted)
