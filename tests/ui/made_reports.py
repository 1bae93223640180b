"""Reports as verification writes them, and variants of the library that have them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ragopt_tui.models.record import ModelFacts, VariantRecord
from ragopt_tui.models.standing import file_state
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.verification.report import Answers, Cause, Finding, Position, Report
from tests.ui.library_records import ADAPTER, BUILTIN, GONE, MISTRAL, put

MADE_AT = 1_741_953_600.0
EDGES = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 1000.0)

MERGED = replace(
    MISTRAL.changed(id="fin-qa-merged", name="fin-qa merged", kind="merged", parent="fin-qa"),
    tags=(),
    note="",
    made={"step": "merge", "adapters": [["fin-qa", 1.0]], "onto": "original", "base": "mistral-7b"},
)
QUANTISED = replace(
    GONE.changed(
        id="fin-qa-q4",
        name="fin-qa Q4_K_M",
        path=BUILTIN.parent / "gguf" / "builtin-Q8_0.gguf",
        parent="fin-qa-merged",
    ),
    facts=ModelFacts("gguf", "llama", "", "Q4_K_M", 7_248_023_552, 32768, 32768, True, "mit"),
    files=(),
    made={"step": "quantise", "of": "fin-qa-merged", "to": "Q4_K_M"},
)

TOKENS = Finding("tokens.ids", "passed", "3,853 texts have the same tokens on both sides.", 0, 0)
TEMPLATE = Finding("template.rendered", "passed", "16 dialogues are rendered alike.", 0, 0)
ENDING = Finding("ending.eog", "passed", "Every token that ended an answer (1) ends it.", 0, 0)
FINITE = Finding("finite.logits", "passed", "All logits are finite.", 0, 0)
QUESTION = "What was Northwind's operating margin in 2023?"
PARENT_SAID = "It was 14.2 % [1], up from 12.9 % in 2022, because freight and energy cost less [1]."

VERIFIED = Report(
    "fin-qa-merged",
    "fin-qa",
    "merge",
    (
        TOKENS,
        TEMPLATE,
        ENDING,
        FINITE,
        Finding("distribution.kl_mean", "passed", "The mean KL divergence is 2.1e-06 nats.", 2.1e-6, 1e-4),
        Finding("distribution.top", "passed", "The likeliest token is the same at 100 % of positions.", 1.0, 0.99),
    ),
    (),
    (EDGES, (2790, 391, 19, 0, 0, 0, 0, 0, 0)),
    (Position("Operating margin was 14.", "2", 8.4e-5, "2", "2"),),
    (Answers(QUESTION, PARENT_SAID, PARENT_SAID),),
    3200,
    48.2,
    MADE_AT,
)  # fmt: skip
DEGRADED = Report(
    "fin-qa-q4",
    "fin-qa-merged",
    "quantise",
    (
        TOKENS,
        TEMPLATE,
        ENDING,
        FINITE,
        Finding("distribution.kl_mean", "degraded", "The mean KL divergence is 0.080 nats.", 0.0803, 0.06),
        Finding("distribution.kl_far", "passed", "At the 1,024 positions in the far half of the context it is 0.041 nats.", 0.0412, 0.06),
        Finding("distribution.top", "degraded", "The likeliest token is the same at 86.1 % of positions.", 0.861, 0.88),
        Finding("distribution.perplexity", "passed", "The perplexity of the text is 7.91, it was 7.62: 1.0381 times.", 1.0381, 1.06),
        Finding("slices", "not compared", "Layers were not compared in F32: the whole model was."),
    ),
    (
        Cause(
            "quantisation.coarse",
            "Q4_K_M is coarse for this model: it loses more than models of this size usually do.",
            "All tensors equal the parent's within the rounding of their types, and divergence is spread over all positions.",
            "Quantise to Q5_K_M or Q6_K, or measure importance on your documents (D when making it).",
            0.7,
        ),
    ),
    (EDGES, (102, 181, 402, 655, 802, 691, 311, 51, 5)),
    (
        Position("Net debt stood at EUR 612 million at year end, 1.3 times EBITDA [2022: 1.", "7", 3.21, "7", "9"),
        Position("Revenue rose by 6.1 % to EUR 2,418 million.\nOperating margin was", " 14", 1.84, " 14", " "),
        Position("| EUR million | 2023 | 2022 |\n|---|---|---|\n| Revenue | 2,418 | 2,279 |", "\n", 0.97, "\n", " |"),
    ),
    (
        Answers(QUESTION, PARENT_SAID, "Operating margin was 14.2 % in fiscal 2023 [1]."),
        Answers("Which risks does the report name?", "The documents do not say.", "The documents do not say."),
    ),
    3200,
    171.0,
    MADE_AT,
    ("No documents were given: a built-in corpus served as text.",),
)  # fmt: skip
BROKEN = Report(
    "fin-qa-q4",
    "fin-qa-merged",
    "quantise",
    (
        TOKENS,
        Finding("head.accounted", "failed", "output.weight is missing: its head is the embedding, the trained one is not."),
        Finding("distribution.kl_mean", "failed", "The mean KL divergence is 9.4 nats.", 9.41, 0.06),
        Finding("distribution.top", "failed", "The likeliest token is the same at 3.1 % of positions.", 0.031, 0.88),
        Finding("distribution.perplexity", "failed", "The perplexity of the text is not finite.", math.inf, 1.06),
        ENDING,
    ),
    (
        Cause(
            "head.lost",
            "The trained head was lost: the file answers with the embedding as its output layer.",
            "config.json says that head and embedding are tied, and output.weight is not among its 290 tensors.",
            "Merge the adapter again, which unties the head, and convert the result.",
            0.93,
        ),
        Cause(
            "base.other",
            "It was made from another model than the one that it is compared with.",
            "The output layers differ in every row.",
            "Name the right one with Ctrl+Y.",
            0.2,
        ),
    ),
    (EDGES, (0, 0, 0, 2, 11, 93, 402, 1604, 1088)),
    (Position("Revenue rose by 6.1 % to EUR", " 2", 21.4, " 2", "ulse"),),
    (Answers(QUESTION, PARENT_SAID, "ulse ulse the the ikea [bold] ikea ikea"),),
    3200,
    12.0,
    MADE_AT,
    ("From there on nothing was compared: llama.cpp was ended by SIGSEGV.",),
)  # fmt: skip


def store() -> VariantStore:
    """The library of this test's home."""
    return VariantStore(folders().models)


def put_made(quantised: VariantRecord = QUANTISED) -> None:
    """Put an adapter with its base, the merged model and the quantised one into the library."""
    put(MISTRAL, ADAPTER, MERGED, quantised)


def keep(report: Report, **changes: Any) -> None:
    """Keep a report with the variant that it is about, as verification does."""
    library = store()
    child, parent = library.record(report.child), library.record(report.parent)
    states = {"state": file_state(child), "parent_state": file_state(parent)}
    summary = report.summary() | states | {"parent_name": parent.variant.name} | changes
    library.keep_verification(report.child, report.to_json(), summary)
