"""What a tensor does in a model, told by its name in either format."""

from __future__ import annotations

import re

_ROLES = (
    ("embedding", r"token_embd|embed_tokens|word_embeddings|wte"),
    ("head", r"^output\.|lm_head"),
    ("rope", r"rope_|inv_freq"),
    ("norm", r"norm|ln_|layernorm"),
    ("qkv", r"attn_qkv|qkv_proj|query_key_value"),
    ("q", r"attn_q\b|q_proj"),
    ("k", r"attn_k\b|k_proj"),
    ("v", r"attn_v\b|v_proj"),
    ("o", r"attn_output|o_proj|attention\.dense|attn_out"),
    ("expert", r"_exps|experts"),
    ("gate", r"ffn_gate|gate_proj|gate_up_proj"),
    ("up", r"ffn_up|up_proj|dense_h_to_4h|fc1"),
    ("down", r"ffn_down|down_proj|dense_4h_to_h|fc2"),
)
_LAYER = re.compile(r"(?:^|\.)(?:layers|blk|h)\.(\d+)\.")


def role(name: str) -> str:
    """Name what a tensor is: `embedding`, `head`, `norm`, `q` and so on, `bias` for any bias."""
    if name.endswith(".bias"):
        return "bias"
    return next((known for known, words in _ROLES if re.search(words, name)), "other")


def layer(name: str) -> int | None:
    """Give the number of the layer that a tensor belongs to, None for those of no layer."""
    found = _LAYER.search(name)
    return int(found[1]) if found else None
