"""The steps from an adapter to a quantised GGUF, each from one variant of the library to another.

What a step makes grows aside and enters the library whole. A step that was done before, from the
same variants in the same state and in the same way, gives what it made then: so a path that was
interrupted goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ragopt_tui.conversion.convert import convert_adapter, convert_model
from ragopt_tui.conversion.converter import Converter, fetch_converter, find_converter
from ragopt_tui.conversion.paces import Paces, quantising
from ragopt_tui.conversion.quantisations import OUTPUT_TYPES, OutputType, quantisation
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.inspection import OWN_FILES
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import VariantKind
from ragopt_tui.settings import Folders, Settings

if TYPE_CHECKING:
    from ragopt_tui.conversion.importance import Importance

IMPORTANCE_TOKENS = 64 * 512
"""How many tokens of the documents importance is measured on, at most."""

Onto = Literal["original", "nf4"]
Check = Callable[[VariantRecord], None]
"""Compares what a step made with what it was made from; raises RagoptError if it is broken."""

_IDENTIFYING = (".safetensors", ".gguf", ".json", ".model", ".jinja")


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where steps find variants, put what they make, and say how far they are.

    `new` are the ids of the variants that steps have made here.
    """

    store: VariantStore
    folders: Folders
    settings: Settings
    report: Reporter
    new: set[str] = field(default_factory=set)

    @property
    def paces(self) -> Paces:
        """How long steps took here."""
        return Paces.of(self.folders.data)

    def converter(self) -> Converter:
        """Give llama.cpp's converter, fetching it where that was not done; raises RagoptError."""
        found = find_converter(self.folders.data, self.settings.llama_cpp)
        return found or fetch_converter(self.folders.data, self.report)


def merged(
    shop: Workshop, adapters: Sequence[tuple[str, float]], onto: Onto = "original"
) -> VariantRecord:
    """Merge adapters, by id and weight, into their common base; raises RagoptError."""
    records = [shop.store.record(id) for id, _ in adapters]
    base = common_base(shop.store, records)
    made = {
        "step": "merge",
        "adapters": [[id, weight] for id, weight in adapters],
        "onto": onto,
        "base": base.variant.id,
        "state": _state([base, *records]),
    }

    def work(folder: Path) -> None:
        shop.report.progress("reading adapters", 0, None, "")
        # Importing PEFT takes seconds.
        from ragopt_tui.conversion.adapted_model import Adapter
        from ragopt_tui.conversion.merge import merge
        from ragopt_tui.conversion.nf4 import Nf4

        chosen = [
            Adapter(_path(record), weight)
            for record, (_, weight) in zip(records, adapters, strict=True)
        ]

        def tell(done: int, total: int) -> None:
            shop.report.raise_if_cancelled()
            shop.report.progress("merging", done, total, "bytes")

        try:
            with shop.paces.measured("merge", base.facts.parameters or 0):
                merge(_path(base), chosen, folder, tell, onto=Nf4() if onto == "nf4" else None)
        except FileNotFoundError as error:
            # That of safetensors has the file in its text alone.
            raise RagoptError(
                f"{error.filename or str(error).rpartition(': ')[2]} is gone.",
                "It was deleted or moved meanwhile. Put it back and merge again.",
            ) from error

    name = " + ".join(record.variant.name for record in records)
    template = records[0].chat_template or base.chat_template
    return _made(shop, made, f"{name} merged", "merged", records[0].variant.id, work, template)


def converted(shop: Workshop, id: str, output: OutputType) -> VariantRecord:
    """Convert a base or merged model to GGUF; raises RagoptError."""
    source = shop.store.record(id)
    if source.facts.format == "gguf":
        raise RagoptError(
            f"{source.variant.name} is a GGUF file already.",
            f"`ragopt-tui quantize {id} --to …` writes it in fewer bits.",
        )
    made = {"step": "convert", "of": id, "output": output, "state": _state([source])}

    def work(folder: Path) -> None:
        target = folder / f"{id}-{output}.gguf"
        converter = shop.converter()
        with shop.paces.measured("convert", source.facts.parameters or 0):
            convert_model(converter, _path(source), target, output, shop.report)

    name = f"{source.variant.name} {output}"
    return _made(shop, made, name, "gguf", id, work, source.chat_template)


def quantised(
    shop: Workshop, id: str, to: str, documents: Sequence[str] = (), requantize: bool = False
) -> VariantRecord:
    """Quantise a GGUF variant; `documents` are texts to measure importance on.

    The importance is measured with the Hugging Face model that the GGUF was converted from.
    Raises RagoptError.
    """
    source, wanted = shop.store.record(id), quantisation(to)
    check_quantisable(source, wanted.name, requantize=requantize)
    texts = hashlib.sha256("\0".join(documents).encode()).hexdigest() if documents else ""
    made = {
        "step": "quantise",
        "of": id,
        "to": wanted.name,
        "importance": texts,
        "state": _state([source]),
    }

    def work(folder: Path) -> None:
        from ragopt_tui.conversion.quantize import quantize

        step = quantising(wanted.name, importance=bool(documents))
        with shop.paces.measured(step, source.facts.parameters or 0):
            importance = _importance(shop, source, documents) if documents else None
            target = folder / f"{id}-{wanted.name}.gguf"
            quantize(
                _path(source), target, wanted, shop.report,
                importance=importance, requantize=requantize,
            )  # fmt: skip

    name = source.variant.name.removesuffix(f" {source.facts.quantisation}")
    return _made(shop, made, f"{name} {wanted.name}", "gguf", id, work, source.chat_template)


def adapter_converted(shop: Workshop, id: str) -> VariantRecord:
    """Convert an adapter to a GGUF adapter, for GGUF forms of its base.

    It sits on the base's GGUF in 16 or 32 bits where the library has one, else on none yet.
    Raises RagoptError.
    """
    source = shop.store.record(id)
    base = common_base(shop.store, [source])
    made = {"step": "convert", "of": id, "output": "adapter", "state": _state([base, source])}
    gguf = _gguf_of(shop.store, base)
    for record in shop.store.records():
        path = record.variant.path
        if record.made == made and not record.variant.parent and path and path.is_file():
            return shop.store.set_parent(record.variant.id, gguf) if gguf else record

    def work(folder: Path) -> None:
        target = folder / f"{id}-adapter.gguf"
        convert_adapter(shop.converter(), _path(source), _path(base), target, shop.report)

    return _made(shop, made, f"{source.variant.name} GGUF", "adapter", gguf, work)


def _gguf_of(store: VariantStore, model: VariantRecord) -> str:
    """Give the id of a usable GGUF file in 16 or 32 bits that was made from a model, or ""."""
    for record in store.records():
        of = (record.made or {}).get("of", "") or record.variant.parent
        unquantised = record.facts.quantisation in OUTPUT_TYPES[:-1]
        usable = record.variant.kind == "gguf" and unquantised and not record.variant.problem
        if of == model.variant.id and usable:
            return record.variant.id
    return ""


def check_step(shop: Workshop, id: str) -> VariantRecord:
    """Give a variant that a step may start from; raises RagoptError where it is broken."""
    record = shop.store.record(id)
    if record.variant.problem:
        raise RagoptError(f"{record.variant.name} cannot be used: {record.variant.problem}")
    return record


def check_quantisable(source: VariantRecord, to: str, *, requantize: bool = False) -> None:
    """Raise RagoptError unless a variant is a GGUF model that quantising may start from."""
    name, id = source.variant.name, source.variant.id
    if source.variant.kind == "adapter" or source.facts.format != "gguf":
        raise RagoptError(
            f"{name} is no GGUF model, which quantising starts from.",
            f"`ragopt-tui ship {id} --to {to}` converts it first.",
        )
    stored = source.facts.quantisation
    if stored and stored not in OUTPUT_TYPES[:-1] and not requantize:
        raise RagoptError(
            f"{name} is quantised already ({stored}): doing that twice loses more.",
            "Start from what it was made from, or `ragopt-tui quantize` it with `--requantize`.",
        )


def _made(
    shop: Workshop,
    made: dict[str, Any],
    name: str,
    kind: VariantKind,
    parent: str,
    work: Callable[[Path], None],
    chat_template: str = "",
) -> VariantRecord:
    """Give the variant that was made in this way before, or let `work` fill a folder with it.

    The chat template that a user gave goes along, where the model brings none.
    """
    for record in shop.store.records():
        if record.made == made and not record.variant.problem:
            return record
    with shop.store.folder.changing():
        folder = shop.store.folder.new_folder()
    try:
        work(folder)
        record = shop.store.adopt(
            folder, name=name, kind=kind, parent=parent, made=made, chat_template=chat_template
        )
        shop.new.add(record.variant.id)
        return record
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def common_base(store: VariantStore, adapters: Sequence[VariantRecord]) -> VariantRecord:
    """Give the base of adapters; raises RagoptError unless all can be merged into one."""
    for record in adapters:
        if record.variant.kind != "adapter":
            raise RagoptError(
                f"{record.variant.name} is no adapter: there is nothing to merge.",
                "Name adapters; the library knows the base of each.",
            )
        if record.variant.problem:
            raise RagoptError(f"{record.variant.name} cannot be used: {record.variant.problem}")
        if record.facts.format == "gguf":
            raise RagoptError(
                f"{record.variant.name} is a GGUF adapter, which cannot be merged.",
                "Take the PEFT adapter that it was made from.",
            )
        if not record.variant.parent:
            raise RagoptError(
                f"The base of {record.variant.name} is not in the library.",
                "Add the model that it was trained on.",
            )
    parents = {record.variant.parent for record in adapters}
    if len(parents) > 1:
        raise RagoptError("These adapters have different bases.", "Merge each into its own.")
    return store.record(parents.pop())


def _path(record: VariantRecord) -> Path:
    if record.variant.path is None:
        raise RagoptError(f"{record.variant.name} has no files.")
    return record.variant.path


def _state(records: Sequence[VariantRecord]) -> str:
    """Give a hash of what variants consist of: names, sizes and times of files, a given template."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(record.chat_template.encode())
        path = _path(record)
        files = [path] if path.is_file() else sorted(path.iterdir())
        for file in files:
            if file.suffix in _IDENTIFYING and file.is_file() and file.name not in OWN_FILES:
                status = file.stat()
                digest.update(f"{file.name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _importance(shop: Workshop, source: VariantRecord, documents: Sequence[str]) -> Importance:
    shop.report.progress("loading the model to measure importance", 0, None, "")
    from ragopt_tui.conversion.importance import measure_importance

    model = shop.store.known((source.made or {}).get("of", ""))
    if model is None or model.facts.format != "safetensors":
        raise RagoptError(
            f"Importance cannot be measured for {source.variant.name}: the model that it was "
            "converted from is not in the library.",
            "Convert it again, or quantise without importance.",
        )

    def tell(done: int, total: int) -> None:
        shop.report.raise_if_cancelled()
        shop.report.progress("measuring importance", done, total, "tokens")

    return measure_importance(_path(model), documents, IMPORTANCE_TOKENS, tell)
