"""Making GGUF files of variants, and copying variants to where other tools find them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui.screens.model_adding import ModelAddingScreen
from ragopt_tui.ui.wording import count, shorten

if TYPE_CHECKING:
    from ragopt_tui.jobs.job import Job
    from ragopt_tui.models.record import VariantRecord
    from ragopt_tui.ui.app import RagoptApp
    from ragopt_tui.ui.model_shelf import Entry
    from ragopt_tui.ui.screens.shipping import Shipment


class ModelShippingScreen(ModelAddingScreen):
    """Starts the way of the marked variant to a GGUF file, and exports variants."""

    def can_ship(self) -> bool:
        """Whether the marked variant can become a GGUF file in fewer bits."""
        from ragopt_tui.conversion.path import can_be_shipped

        entry = self.marked()
        return entry is not None and can_be_shipped(entry.record)

    def action_ship_variant(self) -> None:
        """Ask how the marked variant is to become a GGUF file, and start the job."""
        from ragopt_tui.ui.screens.shipping import Shipping

        entry = self.marked()
        model = self._weights_of(entry) if entry else None
        if entry is None or model is None or not self.can_ship():
            self.notify(
                "GGUF files are made of adapters with their base, of models and 16-bit GGUF."
            )
            return
        variant, docs = entry.variant, cast("RagoptApp", self.app).docs

        def chosen(shipment: Shipment | None) -> None:
            if shipment is not None:
                self._ship(variant.id, variant.name, shipment, docs)

        self.app.push_screen(Shipping(entry.record, model, docs), chosen)

    def action_export_variant(self) -> None:
        """Ask for a folder and copy the files of the marked variant there."""
        from ragopt_tui.ui.screens.line import Line

        entry = self.marked()
        if entry is None or entry.variant.path is None:
            self.notify("This one has no files to copy.")
            return
        record = entry.record

        def given(folder: str | None) -> None:
            if folder and folder.strip():
                target = Path(folder.strip()).expanduser().absolute()
                # Of the app, as a large copy goes on when this screen is closed.
                self.app.run_worker(self._export(record, target), group="export")

        more = " with a Modelfile for Ollama" if record.variant.kind == "gguf" else ""
        title = f"Copy {shorten(record.variant.name, 40)} into the folder"
        self.app.push_screen(Line(title, "", f"Enter copies it{more}"), given)

    def _weights_of(self, entry: Entry) -> VariantRecord | None:
        if entry.variant.kind != "adapter":
            return entry.record
        base = self.library.shelf.find(entry.variant.parent)
        return base.record if base else None

    def _ship(self, id: str, name: str, shipment: Shipment, docs: Path | None) -> None:
        from ragopt_tui.conversion.starting import start_ship
        from ragopt_tui.verification.starting import indexed

        importance = str(docs.resolve()) if shipment.importance and docs else ""

        def start() -> Job:
            return start_ship(
                id,
                name,
                shipment.to,
                onto="nf4" if shipment.nf4 else "original",
                docs=importance,
                keep=shipment.keep,
                verify=shipment.verify,
                texts=indexed(docs),
            )

        self._begin(start)

    async def _export(self, record: VariantRecord, target: Path) -> None:
        from ragopt_tui.conversion.export import export_variant

        modelfile = record.variant.kind == "gguf"
        try:
            files = await asyncio.to_thread(export_variant, record, target, modelfile=modelfile)
        except RagoptError as error:
            self.app.notify(str(error), severity="error", timeout=10, markup=False)
        else:
            said = f"{count(len(files), 'file')} of {record.variant.name} copied to {target}."
            self.app.notify(said, timeout=10, markup=False)
