"""The jobs that verify a variant, and those that make one and verify it.

Each gives `variant`, the id of what was made or verified, its `verdict` and a `message`; what was
not verified has the verdict "".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from ragopt_tui.conversion import jobs as making
from ragopt_tui.conversion.steps import Check, Workshop
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.memory import size_text
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.standing import Standing, file_state, standing_of
from ragopt_tui.verification.checking import Checking, parent_of, verify_and_keep
from ragopt_tui.verification.words import outcome

# It warns of a kernel that is not installed, which would stand as the last words of a job that died.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

_Step = Callable[[Workshop, Mapping[str, Any], Check | None], VariantRecord]


def verify_variant(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Compare `variant` with the variant `against`, or with the one that it was made from.

    The texts are those of the indexed folder `docs`, or built-in ones where it is "".
    """
    store = making.workshop(report).store
    child = store.record(parameters["variant"])
    parent = parent_of(store, child, parameters["against"])
    texts = making.passages_of(parameters["docs"])
    found = verify_and_keep(store, child, parent, texts, report)
    result = {
        "variant": child.variant.id,
        "parent": parent.variant.id,
        "verdict": found.verdict,
        "divergence": found.divergence,
        "message": outcome(child.variant.name, parent.variant.name, found),
    }
    return result | ({"problem": result["message"]} if found.verdict == "broken" else {})


def compare_merging(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Measure what the adapter `variant` is best merged into, if it was trained in 4 bits."""
    from ragopt_tui.verification.merge_targets import compare_merge_targets

    store = making.workshop(report).store
    adapter = store.record(parameters["variant"])
    texts = making.passages_of(parameters["docs"])
    found = compare_merge_targets(store, adapter, texts, report)
    measured = {
        "original": found.original,
        "nf4": found.nf4,
        "nearer": found.nearer,
        "sentence": found.sentence,
        "state": file_state(adapter),
    }
    store.keep_merge_targets(adapter.variant.id, measured)
    return {"variant": adapter.variant.id, "message": found.sentence, **measured}


def merge(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Merge `adapters`, pairs of id and weight, `onto` the original base or its NF4 form."""
    return _made(making.merge, parameters, report)


def convert(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Convert `variant` to GGUF of type `output`; an adapter becomes a GGUF adapter."""
    return _made(making.convert, parameters, report)


def quantize(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Quantise `variant`, a GGUF, `to` a type; importance is measured on the folder `docs`."""
    return _made(making.quantize, parameters, report)


def ship(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Take `variant` all the way `to` a GGUF type."""
    return _made(making.ship_variant, parameters, report)


def _made(step: _Step, parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Take a step and, where `verify` says so, verify what it makes on the texts of `texts`."""
    shop = making.workshop(report)
    texts = making.passages_of(parameters["texts"])
    check = Checking(shop.store, texts, report) if parameters["verify"] else None
    record = step(shop, parameters, check)
    standing = standing_of(record, shop.store.known) or Standing()
    return {
        "variant": record.variant.id,
        "bytes": record.bytes,
        "verdict": standing.verdict,
        "divergence": standing.divergence,
        "message": f"{record.variant.name} is in the library: {size_text(record.bytes)}."
        f"{_compared(standing)}{_needs(shop, record)}",
    }


def _needs(shop: Workshop, record: VariantRecord) -> str:
    """Say what a GGUF adapter lacks to be used here, else ""."""
    source = shop.store.known((record.made or {}).get("of", ""))
    if record.variant.kind != "adapter" or record.variant.parent or source is None:
        return ""
    return (
        f" To use it here, convert its base (`ragopt-tui convert {source.variant.parent}`), then "
        "convert this adapter again, which takes no time."
    )


def _compared(standing: Standing) -> str:
    if not standing.verdict:
        return " It was not verified."
    from ragopt_tui.verification.words import VERDICTS, divergence

    of = f" of {standing.parent_name}" if standing.parent_name else ""
    measured = divergence(standing.divergence)
    about = f", KL divergence{of} {measured}" if measured else ""
    return f" {VERDICTS[standing.verdict]}{about}."
