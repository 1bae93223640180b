"""`ragopt-tui models`: list, show, add, check, rename, remove and restore variants of the library."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ragopt_tui.commands.following import result_of
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.checking import start_check
from ragopt_tui.models.condition import what_helps
from ragopt_tui.models.copy_job import start_copy
from ragopt_tui.models.endpoint_server import served_models
from ragopt_tui.models.inspection import NotAModel
from ragopt_tui.models.library_folder import Trashed
from ragopt_tui.models.lineage import Branch, lineage
from ragopt_tui.models.record import ModelFacts, VariantRecord
from ragopt_tui.models.scan import Scan, hub_cache, scan
from ragopt_tui.models.store import VariantStore, endpoint_url
from ragopt_tui.models.variant import Variant
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import folders
from ragopt_tui.training.runs.checkpoints import checkpoints_of, clear_checkpoints
from ragopt_tui.training.runs.listing import find_run
from ragopt_tui.ui.variant_words import amount, form, kind, size, source, training


def list_models(removed: bool, as_json: bool) -> int:
    """Print all variants, each below the one it sits on or was made from, or those in the trash."""
    store = _store()
    if removed:
        return _list_removed(store.trashed(), as_json)
    records = {record.variant.id: record for record in store.records()}
    if as_json:
        _print_json({"variants": [_summary(record) for record in records.values()]})
        return 0
    width = max(len(id) for id in records) + 4
    for branch in lineage([record.variant for record in records.values()]):
        _print_branch(branch, records, width, 0)
    return 0


def show_model(name: str, as_json: bool) -> int:
    """Print what is known of a variant: its facts, files and what depends on it."""
    store = _store()
    record = store.record(known_variant(store, name).id)
    dependents = store.dependents(record.variant.id)
    if as_json:
        values = record.to_json() | {"dependents": [variant.id for variant in dependents]}
        _print_json(values)
        return 0
    for label, value in _facts(record, dependents):
        print(f"{label:<15} {value}")
    for file in record.files:
        print(f"{'file':<15} {one_line(file.name)}  {file.size:,} bytes  {file.sha256}".rstrip())
    return 0


def add_served(url: str, *, name: str, served: str, key_variable: str, as_json: bool) -> int:
    """Put the model `served` of the server at `url` into the library; "" is its only one."""
    model = served or _only_model(url, key_variable)
    record = _store().add_endpoint(url, model, name=name, key_variable=key_variable)
    return _say_added(record.variant, as_json)


def add_model(
    place: str, *, name: str, base: str, copy: bool, template: str = "", as_json: bool
) -> int:
    """Put a folder, an adapter or a GGUF file into the library, or copy it there.

    `template` is a file with its chat template. Of a folder that is no model itself, all models
    in it are added, unless what is given is for one. Raises RagoptError.
    """
    store = _store()
    parent = known_variant(store, base).id if base else ""
    path = Path(place)
    jinja = _read_template(Path(template)) if template else ""
    if copy:
        result = result_of(start_copy(path.expanduser(), name, parent))
        return _say_added(_with_template(store, result["variant"], jinja), as_json)
    try:
        added = store.add(path, name=name, parent=parent).variant
        return _say_added(_with_template(store, added.id, jinja), as_json)
    except NotAModel:
        if name or parent or jinja or not path.expanduser().is_dir():
            raise
        found = scan(store, [path])
        if not (found.added or found.known):
            raise
        return _say_scanned(found, as_json)


def scan_cache(as_json: bool) -> int:
    """Put the models of the Hugging Face cache into the library."""
    return _say_scanned(scan(_store(), [hub_cache()]), as_json)


def check_model(name: str, as_json: bool) -> int:
    """Compare the files of a variant with what they were, and look for damage.

    Raises RagoptError with what was found.
    """
    variant = known_variant(_store(), name)
    result = result_of(start_check(variant.id, variant.name))
    if as_json:
        _print_json({key: value for key, value in result.items() if key != "message"})
    if result["problem"]:
        raise RagoptError(one_line(result["message"], 1000))
    if not as_json:
        print(one_line(result["message"], 1000))
    return 0


def rename_model(name: str, new_name: str, as_json: bool) -> int:
    """Give a variant another name; its id stays."""
    store = _store()
    record = store.rename(known_variant(store, name).id, new_name)
    _say({"variant": record.variant.id, "name": record.variant.name}, record.variant.name, as_json)
    return 0


def remove_model(name: str, as_json: bool) -> int:
    """Move a variant to the trash; what depends on it is named on standard error."""
    store = _store()
    variant = known_variant(store, name)
    dependents = store.dependents(variant.id)
    store.remove(variant.id)
    if dependents:
        ids = ", ".join(each.id for each in dependents)
        print(f"Without it these adapters cannot answer: {ids}", file=sys.stderr)
    values = {"variant": variant.id, "dependents": [each.id for each in dependents]}
    back = f"`ragopt-tui models restore {variant.id}` brings it back"
    _say(values, f"{variant.name} is in the trash: {back}", as_json)
    return 0


def remove_checkpoints(run_id: str, as_json: bool) -> int:
    """Move the checkpoints of a run that nothing was made of to the trash."""
    store, run = _store(), find_run(run_id)
    cleared = clear_checkpoints(store, run.id)
    stay = [record.variant.id for record in checkpoints_of(store, run.id)]
    if as_json:
        _print_json({"run": run.id, "removed": cleared, "stay": stay})
        return 0
    for id in cleared:
        print(f"{id} is in the trash: `ragopt-tui models restore {id}` brings it back")
    for id in stay:
        print(f"{id} stays: it was named, tagged, verified or built on")
    if not cleared and not stay:
        print(f"The run {run.id} has no checkpoints in the library.")
    return 0


def restore_model(id: str, as_json: bool) -> int:
    """Take a variant out of the trash; `id` may be the unique beginning of its id."""
    store = _store()
    fitting = [each.id for each in store.trashed() if each.id.startswith(id)]
    record = store.restore(fitting[0] if len(fitting) == 1 and id else id)
    return _say_added(record.variant, as_json)


def _read_template(file: Path) -> str:
    try:
        return file.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise RagoptError(f"The chat template {file} cannot be read: {reason}.") from error


def _with_template(store: VariantStore, id: str, jinja: str) -> Variant:
    return (store.set_chat_template(id, jinja) if jinja else store.record(id)).variant


def _only_model(url: str, key_variable: str) -> str:
    served = served_models(endpoint_url(url), key_variable)
    if len(served) == 1:
        return served[0].name
    names = ", ".join(one_line(model.name, 80) for model in served[:20])
    raise RagoptError(
        f"The server at {one_line(url)} has {len(served)} models.",
        f"Say which with --served: {names}." if names else "Load one there.",
    )


def known_variant(store: VariantStore, name: str) -> Variant:
    """Find a variant of the library; raises RagoptError for what only lies at a path."""
    variant = store.find(name)
    if store.known(variant.id) is None:
        raise RagoptError(
            f"{one_line(name)} is not in the library.", f"`ragopt-tui models add {one_line(name)}`"
        )
    return variant


def _store() -> VariantStore:
    return VariantStore(folders().models)


def _print_json(values: dict[str, Any]) -> None:
    print(json.dumps(values, ensure_ascii=False))


def _say(values: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        _print_json(values)
    else:
        print(one_line(sentence, 1000))


def _say_added(variant: Variant, as_json: bool) -> int:
    lacking = f"{variant.problem} {what_helps(variant)}"
    sentence = f"{variant.id}: {variant.name} is in the library. {lacking}".rstrip()
    values = {"variant": variant.id, "name": variant.name, "problem": variant.problem}
    _say(values, sentence, as_json)
    if variant.parent and variant.kind != "adapter" and not as_json and not variant.problem:
        print(f"`ragopt-tui verify {variant.id}` compares it with {variant.parent}.")
    return 0


def _say_scanned(found: Scan, as_json: bool) -> int:
    left_out = [[str(each.path), each.reason] for each in found.left_out]
    if as_json:
        added = [variant.id for variant in found.added]
        _print_json({"added": added, "known": found.known, "left_out": left_out})
        return 0
    for variant in found.added:
        print(one_line(f"added {variant.id}  {variant.problem}", 1000))
    print(f"{len(found.added)} added, {found.known} known already, {len(left_out)} left out")
    for place, reason in left_out:
        print(f"  {one_line(place, 1000)}: {one_line(reason, 1000)}")
    return 0


def _list_removed(trashed: Sequence[Trashed], as_json: bool) -> int:
    if as_json:
        _print_json({"removed": [{"variant": each.id, "name": each.name} for each in trashed]})
        return 0
    for each in trashed:
        print(f"{each.id}  {one_line(each.name)}")
    if not trashed:
        print("The trash is empty.", file=sys.stderr)
    return 0


def _summary(record: VariantRecord) -> dict[str, Any]:
    variant, facts = record.variant, record.facts
    return {
        "id": variant.id,
        "name": variant.name,
        "kind": variant.kind,
        "builtin": variant.builtin,
        "parent": variant.parent,
        "path": None if variant.path is None else str(variant.path),
        "problem": variant.problem,
        "format": facts.format,
        "dtype": facts.dtype,
        "quantisation": facts.quantisation,
        "parameters": facts.parameters,
        "bytes": record.bytes,
        "tags": list(record.tags),
    }


def _print_branch(
    branch: Branch, records: dict[str, VariantRecord], width: int, depth: int
) -> None:
    record = records[branch.variant.id]
    problem = f"! {branch.variant.problem}" if branch.variant.problem else ""
    columns = f"{'  ' * depth + branch.variant.id:<{width}}  {form(record):<9}"
    bytes = size(record.bytes) if record.bytes else ""
    print(f"{columns} {bytes:>8}  {one_line(f'{branch.variant.name}  {problem}', 1000)}".rstrip())
    for child in branch.children:
        _print_branch(child, records, width, depth + 1)


def _facts(record: VariantRecord, dependents: Sequence[Variant]) -> list[tuple[str, str]]:
    variant, settings = record.variant, record.settings.to_json()
    rows = {
        "id": variant.id,
        "name": variant.name,
        "what": kind(record),
        "problem": variant.problem,
        "made from": variant.parent,
        "from": source(record),
        **_model_facts(record.facts),
        **{label.lower(): text for label, text in training(record)},
        "number format": form(record),
        "size": size(record.bytes) if record.bytes else "",
        "tags": ", ".join(record.tags),
        "note": record.note,
        "settings": json.dumps(settings, ensure_ascii=False) if settings else "",
        "needed by": ", ".join(each.id for each in dependents),
    }
    return [(label, one_line(value, 1000)) for label, value in rows.items() if value]


def _model_facts(facts: ModelFacts) -> dict[str, str]:
    lora = facts.lora
    return {
        "licence": facts.licence,
        "architecture": facts.architecture,
        "parameters": "" if facts.parameters is None else amount(facts.parameters),
        "context": "" if facts.context_tokens is None else f"{facts.context_tokens:,} tokens",
        "vocabulary": "" if facts.vocabulary is None else f"{facts.vocabulary:,}",
        "chat template": "its own" if facts.own_chat_template else "",
        "adapts": ", ".join(lora.target_modules) if lora else "",
        "trained whole": ", ".join(lora.modules_to_save) if lora else "",
    }
