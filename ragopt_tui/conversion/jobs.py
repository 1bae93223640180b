"""Merging, converting and quantising as jobs: what their processes run.

Each gives `variant`, the id of what was made, its size in `bytes`, and a `message`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ragopt_tui.conversion import steps
from ragopt_tui.conversion.quantisations import OUTPUT_TYPES
from ragopt_tui.conversion.ship import ship
from ragopt_tui.conversion.steps import Workshop
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders, load_settings


def merge(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Merge `adapters`, pairs of id and weight, `onto` the original base or its NF4 form."""
    adapters = [(id, float(weight)) for id, weight in parameters["adapters"]]
    return _result(steps.merged(_workshop(report), adapters, parameters["onto"]))


def fetch(_parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Get llama.cpp's converter, if it is not there yet."""
    converter = _workshop(report).converter()
    return {"message": f"The converter of llama.cpp is in {converter.folder}."}


def convert(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Convert `variant` to GGUF of type `output`; an adapter becomes a GGUF adapter."""
    shop, id = _workshop(report), parameters["variant"]
    if steps.check_step(shop, id).variant.kind == "adapter":
        return _result(steps.adapter_converted(shop, id))
    output = parameters["output"].upper()
    if output not in OUTPUT_TYPES:
        raise RagoptError(
            f"Models are not converted to {parameters['output']}.",
            f"Choose {', '.join(OUTPUT_TYPES)}, and quantise the result.",
        )
    return _result(steps.converted(shop, id, output))


def quantize(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Quantise `variant`, a GGUF, `to` a type; importance is measured on the folder `docs`."""
    shop = _workshop(report)
    steps.check_step(shop, parameters["variant"])
    texts = _texts(parameters["docs"])
    requantize = bool(parameters["requantize"])
    return _result(
        steps.quantised(shop, parameters["variant"], parameters["to"], texts, requantize)
    )


def ship_variant(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Take `variant` all the way `to` a GGUF type."""
    made = ship(
        _workshop(report),
        parameters["variant"],
        parameters["to"],
        onto=parameters["onto"],
        documents=_texts(parameters["docs"]),
        keep=bool(parameters["keep"]),
    )
    return _result(made)


def _workshop(report: Reporter) -> Workshop:
    where = folders()
    return Workshop(VariantStore(where.models), where, load_settings(), report)


def _result(record: VariantRecord) -> dict[str, Any]:
    variant = record.variant
    size = record.bytes / 1e9
    return {
        "variant": variant.id,
        "bytes": record.bytes,
        "message": f"{variant.name} is in the library: {size:.2f} GB.",
    }


def _texts(docs: str) -> tuple[str, ...]:
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
