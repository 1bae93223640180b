"""Merging, converting and quantising as jobs do it, with a check of what was made.

The targets of the jobs are in `verification`, which brings the check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ragopt_tui.conversion import steps
from ragopt_tui.conversion.quantisations import OUTPUT_TYPES
from ragopt_tui.conversion.ship import ship
from ragopt_tui.conversion.steps import Check, Workshop
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders, load_settings


def merge(shop: Workshop, parameters: Mapping[str, Any], check: Check | None) -> VariantRecord:
    """Merge `adapters`, pairs of id and weight, `onto` the original base or its NF4 form."""
    adapters = [(id, float(weight)) for id, weight in parameters["adapters"]]
    return _checked(shop, lambda: steps.merged(shop, adapters, parameters["onto"]), check)


def convert(shop: Workshop, parameters: Mapping[str, Any], check: Check | None) -> VariantRecord:
    """Convert `variant` to GGUF of type `output`; an adapter becomes a GGUF adapter."""
    id = parameters["variant"]
    if steps.check_step(shop, id).variant.kind == "adapter":
        return _checked(shop, lambda: steps.adapter_converted(shop, id), check)
    output = parameters["output"].upper()
    if output not in OUTPUT_TYPES:
        raise RagoptError(
            f"Models are not converted to {parameters['output']}.",
            f"Choose {', '.join(OUTPUT_TYPES)}, and quantise the result.",
        )
    return _checked(shop, lambda: steps.converted(shop, id, output), check)


def quantize(shop: Workshop, parameters: Mapping[str, Any], check: Check | None) -> VariantRecord:
    """Quantise `variant`, a GGUF, `to` a type; importance is measured on the folder `docs`."""
    id = parameters["variant"]
    steps.check_step(shop, id)
    texts = passages_of(parameters["docs"])
    requantize = bool(parameters["requantize"])
    return _checked(
        shop, lambda: steps.quantised(shop, id, parameters["to"], texts, requantize), check
    )


def ship_variant(
    shop: Workshop, parameters: Mapping[str, Any], check: Check | None
) -> VariantRecord:
    """Take `variant` all the way `to` a GGUF type."""
    return ship(
        shop,
        parameters["variant"],
        parameters["to"],
        onto=parameters["onto"],
        documents=passages_of(parameters["docs"]),
        keep=bool(parameters["keep"]),
        check=check,
    )


def fetch(_parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Get llama.cpp's converter, if it is not there yet: a job."""
    converter = workshop(report).converter()
    return {"message": f"The converter of llama.cpp is in {converter.folder}."}


def _checked(
    shop: Workshop, make: Callable[[], VariantRecord], check: Check | None
) -> VariantRecord:
    """Take a step and check what it made, as two stages."""
    if check is None:
        return make()
    shop.report.begin_stage(1, 2)
    record = make()
    shop.report.begin_stage(2, 2)
    check(record)
    return shop.store.record(record.variant.id)


def workshop(report: Reporter) -> Workshop:
    """Give the workshop of this user's library."""
    where = folders()
    return Workshop(VariantStore(where.models), where, load_settings(), report)


def passages_of(docs: str) -> tuple[str, ...]:
    """Give the text of an indexed folder, passage by passage; raises RagoptError if it has none."""
    if not docs:
        return ()
    from ragopt_tui.knowledge.catalogue import Catalogue
    from ragopt_tui.knowledge.index import Index
    from ragopt_tui.knowledge.location import IndexLocation

    location = IndexLocation.of(Path(docs))
    index = Index.open(location)
    try:
        file = location.catalogue_file
        assert file is not None
        with Catalogue(file, read_only=True) as catalogue:
            names = [record.file for record in catalogue.records()]
        return tuple(p.indexed_text for name in names for p in index.passages_of(name))
    finally:
        index.close()
