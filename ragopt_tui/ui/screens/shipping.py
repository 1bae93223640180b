"""How a model becomes a GGUF file: its quantisation, with what it takes and usually loses."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from ragopt_tui.conversion.paces import Paces, seconds_needed
from ragopt_tui.conversion.path import bytes_needed, result_bytes
from ragopt_tui.conversion.quantisations import QUANTISATIONS, Quantisation
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.standing import merge_targets_of
from ragopt_tui.settings import folders
from ragopt_tui.ui.variant_words import size
from ragopt_tui.ui.wording import MUTED, shorten, time_needed
from ragopt_tui.verification.words import divergence

_USUAL = "Q4_K_M"


@dataclass(frozen=True, slots=True)
class Shipment:
    """What was chosen.

    `importance` is measured on the open documents, `keep` keeps what is between, `verify` compares
    what each step makes, and `nf4` merges onto the base as it is in 4 bits.
    """

    to: str
    importance: bool
    keep: bool
    verify: bool
    nf4: bool


class Shipping(ModalScreen[Shipment | None]):
    """Gives how a variant is to become a GGUF file, or None where the user went back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("d", "switch('importance')", "Documents"),
        Binding("k", "switch('keep')", "Keep"),
        Binding("v", "switch('verify')", "Verify"),
        Binding("n", "switch('nf4')", "4 bits"),
    ]

    def __init__(self, start: VariantRecord, model: VariantRecord, docs: Path | None) -> None:
        """`model` is the base of an adapter, else `start`; `docs` is the folder that is open."""
        super().__init__()
        self._start, self._model, self._docs = start, model, docs
        self._free: int | None = None
        self._seconds: dict[tuple[str, bool, bool], float | None] = {}
        self._merging = merge_targets_of(start)
        nf4 = bool(self._merging) and (self._merging or {}).get("nearer") == "nf4"
        self._wanted = {"importance": False, "keep": False, "verify": True, "nf4": nf4}

    def compose(self) -> ComposeResult:
        """Draw the quantisations, what can be had with them, and what the disk must hold."""
        with Vertical(classes="dialog"):
            name = shorten(self._start.variant.name, 44)
            yield Static(f"{name} to GGUF", classes="dialog-title", markup=False)
            heads = f"{'type':<9}{'size':>9}   what 7-8B models lose (KL divergence)"
            yield Static(Content.styled(heads, MUTED))
            yield OptionList(*map(self._row, QUANTISATIONS))
            yield Static(id="extras")
            yield Static(id="disk")
            yield Static("Enter starts it · Esc goes back", classes="dialog-hint", markup=False)

    async def on_mount(self) -> None:
        """Stand on the usual choice, and look how much of the disk is free."""
        usual = next(n for n, each in enumerate(QUANTISATIONS) if each.name == _USUAL)
        choices = self.query_one(OptionList)
        choices.highlighted = usual
        choices.focus()
        self._show_extras()
        self._free, self._seconds = await asyncio.to_thread(self._look)
        self._show_disk()

    def action_switch(self, what: str) -> None:
        """Choose something, or no longer."""
        if self._why_not(what):
            return
        self._wanted[what] = not self._wanted[what]
        self._show_extras()
        self._show_disk()

    @on(OptionList.OptionHighlighted)
    def _show_disk(self) -> None:
        at = self.query_one(OptionList).highlighted
        if at is None or self._free is None:
            return
        needed, after = self._bytes(QUANTISATIONS[at])
        said = f"Takes {size(needed)} of disk, then {size(after)}; {size(self._free)} are free."
        self._say(f"{said}\n{self._time(QUANTISATIONS[at])}", problem=needed > self._free)

    @on(OptionList.OptionSelected)
    def _start_it(self, event: OptionList.OptionSelected) -> None:
        chosen = QUANTISATIONS[event.option_index]
        if chosen.needs_importance and not self._wanted["importance"]:
            self._say(f"{chosen.name} needs importance: D measures it.", problem=True)
        elif self._free is not None and self._bytes(chosen)[0] > self._free:
            self._show_disk()
        else:
            self.dismiss(Shipment(chosen.name, **self._wanted))

    def _bytes(self, chosen: Quantisation) -> tuple[int, int]:
        """Give the bytes that the way takes at its widest, and those that stay."""
        path = self._start, self._model, chosen.name
        needed = bytes_needed(*path, compared=self._wanted["verify"])
        stays = bytes_needed(*path, compared=False) if self._wanted["keep"] else result_bytes(*path)
        return needed, stays

    def _look(self) -> tuple[int, dict[tuple[str, bool, bool], float | None]]:
        """Give the bytes that are free, and the seconds of each type, compared and with importance."""
        paces, both = Paces.of(folders().data), (False, True)
        seconds = {
            (each.name, compared, importance): seconds_needed(
                paces, self._start, self._model, each.name, compared=compared, importance=importance
            )
            for each in QUANTISATIONS
            for compared in both
            for importance in both
        }
        return _free_bytes(), seconds

    def _time(self, chosen: Quantisation) -> str:
        known = self._seconds.get((chosen.name, self._wanted["verify"], self._wanted["importance"]))
        return time_needed(known)

    def _row(self, each: Quantisation) -> Content:
        low, high = each.divergence or (None, None)
        loss = "" if low is None else f"{low:g}" if low == high else f"{low:g} to {high:g}"
        about = "only with importance (D)" if each.needs_importance else loss or "not published"
        expected = size(result_bytes(self._start, self._model, each.name))
        return Content.assemble(f"{each.name:<9}{expected:>9}   ", (about, MUTED))

    def _why_not(self, what: str) -> str:
        """Say why something cannot be had, or ""."""
        converted = self._start.variant.kind == "gguf"
        if what == "verify":
            return ""
        if what == "nf4":
            return "" if self._start.variant.kind == "adapter" else "nothing is merged"
        if what == "keep":
            return "nothing stands in between" if converted else ""
        if self._docs is None:
            return "no documents are open"
        made_here = bool((self._start.made or {}).get("of"))
        return "not for a GGUF from elsewhere" if converted and not made_here else ""

    def _show_extras(self) -> None:
        docs = shorten(self._docs.name, 24) if self._docs else ""
        about = {
            "importance": f"D  what matters in {docs} loses least",
            "keep": "K  keep each step",
            "verify": "V  compare each step with what it was made from",
            "nf4": "N  onto the base in 4 bits, for QLoRA" + _measured(self._merging),
        }
        if self._start.variant.kind != "adapter":
            del about["nf4"]
        lines = []
        for what, said in about.items():
            why_not = self._why_not(what)
            mark = "[x]" if self._wanted[what] else "[ ]"
            line = f"{mark} {said}{f': {why_not}' if why_not else ''}"
            lines.append(Content.styled(line, MUTED if why_not else ""))
        self.query_one("#extras", Static).update(Content("\n").join(lines))

    def _say(self, sentence: str, *, problem: bool) -> None:
        style = "$text-warning" if problem else MUTED
        said = Content.styled(f"! {sentence}" if problem else sentence, style)
        self.query_one("#disk", Static).update(said)


def _measured(merging: dict[str, Any] | None) -> str:
    """Say how near each merge comes to the live 4-bit model, where that was measured."""
    if merging is None:
        return ""
    both = merging.get("nf4"), merging.get("original")
    nf4, original = (divergence(each) if isinstance(each, float) else "" for each in both)
    return f" (KL {nf4}, else {original})" if nf4 and original else ""


def _free_bytes() -> int:
    """Give the bytes free where models are kept, or where that folder will be made."""
    folder = folders().models
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
