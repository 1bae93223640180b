"""`ragopt-tui merge`, `convert`, `quantize`, `ship` and `export`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ragopt_tui.commands import conversion_estimates as estimates
from ragopt_tui.commands.following import result_of
from ragopt_tui.conversion.quantisations import QUANTISATIONS, quantisation
from ragopt_tui.conversion.starting import (
    start_convert,
    start_fetching,
    start_merge,
    start_quantize,
    start_ship,
)
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.job import Job
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import Variant
from ragopt_tui.settings import folders


def merge(adapters: Sequence[str], onto: str, verify: bool, as_json: bool) -> int:
    """Merge adapters, written as NAME or NAME=WEIGHT, into their base."""
    chosen = [_weighted(text) for text in adapters]
    name = " + ".join(variant.name for variant, _ in chosen)
    pairs = [(variant.id, weight) for variant, weight in chosen]
    about = estimates.of_merging([variant.id for variant, _ in chosen], compared=verify)
    return _finished(start_merge(pairs, name, onto, verify=verify), as_json, about)


def convert(name: str, to: str, verify: bool, as_json: bool) -> int:
    """Make a GGUF file of a variant."""
    variant = _variant(name)
    about = estimates.of_converting(variant.id, to.upper(), compared=verify)
    job = start_convert(variant.id, variant.name, to.upper(), verify=verify)
    return _finished(job, as_json, about)


def fetch_converter(as_json: bool) -> int:
    """Get llama.cpp's converter into the data folder, if it is not there."""
    return _finished(start_fetching(), as_json)


def quantize(
    name: str, to: str, *, importance: str, requantize: bool, verify: bool, as_json: bool
) -> int:
    """Write a GGUF variant in fewer bits."""
    wanted, variant = quantisation(to).name, _variant(name)
    docs = _docs(importance)
    job = start_quantize(
        variant.id, variant.name, wanted, docs, requantize, verify=verify, texts=docs
    )
    about = estimates.of_path(variant.id, wanted, compared=verify, importance=bool(docs))
    return _finished(job, as_json, about)


def list_quantisations(as_json: bool) -> int:
    """Print the quantisations with their size and usual loss."""
    if as_json:
        print(json.dumps({"quantisations": [asdict(each) for each in QUANTISATIONS]}))
        return 0
    print("type      bits a weight   KL divergence of 7-8B models")
    for each in QUANTISATIONS:
        low, high = each.divergence or (None, None)
        loss = "" if low is None else f"{low}" if low == high else f"{low} to {high}"
        note = "needs --importance" if each.needs_importance else loss or "not published"
        print(f"{each.name:<9} {each.bits:>13}   {note}")
    return 0


def ship(
    name: str, to: str, *, onto: str, importance: str, keep: bool, verify: bool, as_json: bool
) -> int:
    """Take a variant all the way to a GGUF file."""
    variant, docs = _variant(name), _docs(importance)
    job = start_ship(
        variant.id,
        variant.name,
        to.upper(),
        onto=onto,
        docs=docs,
        keep=keep,
        verify=verify,
        texts=docs,
    )
    about = estimates.of_path(
        variant.id, to.upper(), compared=verify, importance=bool(docs), keep=keep
    )
    return _finished(job, as_json, about)


def export(name: str, folder: str, modelfile: bool, as_json: bool) -> int:
    """Copy a variant's files, with a Modelfile for Ollama if asked for."""
    from ragopt_tui.conversion.export import export_variant

    store = VariantStore(folders().models)
    record = store.record(_variant(name).id)
    files = export_variant(record, Path(folder).expanduser(), modelfile=modelfile)
    if as_json:
        print(json.dumps({"files": [str(file) for file in files]}, ensure_ascii=False))
    else:
        print("\n".join(map(str, files)))
    return 0


def _weighted(text: str) -> tuple[Variant, float]:
    name, equals, number = text.rpartition("=")
    if not equals:
        return _variant(text), 1.0
    try:
        return _variant(name), float(number)
    except ValueError as error:
        raise RagoptError(f"{number!r} is no weight of an adapter.", "Write ID=0.5.") from error


def _docs(folder: str) -> str:
    return str(Path(folder).resolve()) if folder else ""


def _variant(name: str) -> Variant:
    return VariantStore(folders().models).find(name)


def _finished(job: Job, as_json: bool, estimate: str = "") -> int:
    result = result_of(job, estimate)
    print(json.dumps(result, ensure_ascii=False) if as_json else result["message"])
    return 0
