"""The plan of a run in a few lines, and what of it stands at fields of the form."""

from __future__ import annotations

from typing import Any

from ragopt_tui.training.configuration.config import TrainingConfig, write_config
from ragopt_tui.ui.train_draft import Draft
from ragopt_tui.ui.train_plan import plan_view, planned

PLAN: dict[str, Any] = {
    "set": "facts",
    "method": "QLoRA, 4 bits",
    "parameters": {"text": "144,703,488 of 7,255,363,584 (1.9944 %)"},
    "memory": {
        "device": "gpu",
        "need": 12_400_000_000,
        "free": 8_000_000_000,
        "fits": False,
        "changes": [{"text": "training.max_length: 512 (needs 9.1 GB, not enough by itself)"}],
        "enough": {"training.max_length": "512", "training.gradient_checkpointing": "true"},
    },
    "data": {"rows": 412, "validation_rows": 45, "sampled": True},
    "steps": {"total": 618, "tokens": 512_310},
    "seconds": None,
    "seconds_from": "",
    "errors": [],
    "notes": [],
}


def said(plan: dict[str, Any]) -> list[str]:
    return [line for line, _ in plan_view(plan).lines]


def test_what_does_not_fit_says_with_what_it_would() -> None:
    assert said(PLAN) == [
        "QLoRA, 4 bits trains 144,703,488 of 7,255,363,584 (1.9944 %) parameters.",
        "! Needs 12.4 GB of the GPU; 8.0 GB are free.",
        "  It fits with training.max_length: 512, training.gradient_checkpointing: true.",
        "412 rows, 45 to evaluate · 618 steps · about 512,310 tokens · the time is known after the "
        "first steps",
    ]
    never = PLAN | {"memory": PLAN["memory"] | {"enough": {}}}
    assert said(never)[2].strip() == PLAN["memory"]["changes"][0]["text"]


def test_mistakes_that_the_plan_finds_stand_at_their_fields() -> None:
    error = {
        "key": "lora.target_modules",
        "message": "lora.target_modules names x_proj, which is no layer of built-in.",
        "hint": "There are: q_proj, k_proj.",
        "line": 0,
    }
    view = plan_view(PLAN | {"parameters": None, "memory": None, "errors": [error]})
    draft = Draft.of_text(write_config(TrainingConfig())).with_errors(view.errors)
    [found] = draft.errors
    assert draft.error_of("lora.target_modules") is found
    assert draft.text.splitlines()[draft.line_of(found) - 1].strip().startswith("target_modules")


async def test_a_real_plan_is_worked_out_in_a_process_of_its_own() -> None:
    view = await planned("base: nowhere-to-be-found\n")
    assert [error.key for error in view.errors] == ["base"]
    assert "nowhere-to-be-found" in view.errors[0].message
