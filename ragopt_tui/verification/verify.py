"""Comparing a variant with the one that it was made from, from its files to its answers."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import Settings, load_settings
from ragopt_tui.verification import corpus, distributions
from ragopt_tui.verification.answers import prompts, side_by_side, write_answers
from ragopt_tui.verification.causes import diagnose
from ragopt_tui.verification.corpus_sequences import Sequences, sequences
from ragopt_tui.verification.endings import check_endings, check_stopping
from ragopt_tui.verification.report import Answers, Finding, Position, Report
from ragopt_tui.verification.sides import Side, SideFailed
from ragopt_tui.verification.sides_opening import (
    child_slices,
    files_of,
    fits_whole,
    kind_of,
    open_child,
    open_parent,
    parent_slices,
    step_of,
)
from ragopt_tui.verification.slices import TOKENS, check_slices
from ragopt_tui.verification.structure.check import check_structure
from ragopt_tui.verification.templates import check_templates
from ragopt_tui.verification.thresholds import Thresholds
from ragopt_tui.verification.tokens import check_tokens

_LARGE = 1_000_000_000
_ANSWER_TOKENS = 48
_ANSWER_TOKENS_OF_LARGE = 24
_LOGIT_BYTES = 4
_LONGEST_NAME = 40

Tell = Callable[[int, int], None]


def verify(
    store: VariantStore,
    child: VariantRecord,
    parent: VariantRecord,
    documents: Sequence[str],
    report: Reporter,
    settings: Settings | None = None,
    *,
    memory: int | None = None,
) -> Report:
    """Compare `child` with `parent`, which it was made from, on texts of the user's documents.

    Where there are none, a built-in corpus serves. Models that do not fit in `memory` bytes, else
    in what is free, are compared by some of their layers. Raises RagoptError where the parent or a base
    is not there, or the settings' limits cannot be read; JobCancelled; OSError.
    """
    chosen = (settings or load_settings()).verification
    limits = Thresholds(kind_of(store, child, parent), chosen)
    run = _Run(store, child, parent, documents, report, limits, memory)
    started = time.monotonic()
    run.compare()
    return Report(
        child=child.variant.id,
        parent=parent.variant.id,
        step=step_of(child, parent),
        findings=tuple(run.findings),
        causes=diagnose(run.findings),
        histogram=run.histogram,
        worst=run.worst,
        answers=run.answers,
        positions=run.positions,
        seconds=time.monotonic() - started,
        made=time.time(),
        not_compared=tuple(run.left_out),
    )


@dataclass
class _Run:
    """One verification under way, and what it has found so far."""

    store: VariantStore
    child: VariantRecord
    parent: VariantRecord
    documents: Sequence[str]
    report: Reporter
    limits: Thresholds
    memory: int | None = None
    findings: list[Finding] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    histogram: tuple[tuple[float, ...], tuple[int, ...]] = ((), ())
    worst: tuple[Position, ...] = ()
    answers: tuple[Answers, ...] = ()
    positions: int = 0

    def compare(self) -> None:
        """Find all there is to find."""
        if not corpus.passages(self.documents):
            self.left_out.append("No documents were given: a built-in corpus served as text.")
        pulse = self.report.raise_if_cancelled
        self._compare_files()
        with ExitStack() as stack:
            try:
                self.report.progress("reading tokenizers", 0, None, "")
                parent = open_parent(self.store, self.child, self.parent, pulse)
                stack.enter_context(closing(parent))
                child = open_child(self.store, self.child, pulse)
                stack.enter_context(closing(child))
                self._compare_texts(parent, child)
                if fits_whole(self.store, self.child, self.parent, self.memory):
                    self._compare_whole(parent, child)
                else:
                    self._compare_slices(parent)
            except SideFailed as failed:
                self._side_failed(failed)

    def _compare_files(self) -> None:
        base = None
        if self.parent.variant.kind == "adapter":
            base = self.store.known(self.parent.variant.parent)
        self.report.progress("reading files", 0, None, "")
        tell = self._tell("comparing files", "tensors")
        found = check_structure(self.child, self.parent, base, tell, self.store.known)
        self.findings += found

    def _compare_texts(self, parent: Side, child: Side) -> None:
        special = dict.fromkeys((*parent.facts.special, *child.facts.special))
        samples = corpus.strings(self.documents, list(special))
        tell = self._tell("comparing tokens", "texts")
        self.findings += check_tokens(parent, child, samples, tell)
        self.findings += check_templates(parent, child, corpus.dialogues())
        self.findings += check_endings(parent, child)
        if parent.facts.width < child.facts.width:
            self.left_out.append(
                f"Tokens from {parent.facts.width:,} on, which only it has, were not compared."
            )

    def _compare_whole(self, parent: Side, child: Side) -> None:
        """Compare predictions and answers; one side's weights are in memory at a time."""
        texts = corpus.prose(self.documents)
        size = self.child.facts.parameters or self.parent.facts.parameters or _LARGE
        chosen = sequences(parent, texts, size)
        if chosen.left_out:
            self.left_out.append(chosen.left_out)
        questions = corpus.QUESTIONS if parent.facts.template and child.facts.template else ()
        asked = prompts(texts, questions)
        most = _ANSWER_TOKENS if size < _LARGE else _ANSWER_TOKENS_OF_LARGE
        with self._scratch() as scratch:
            file = scratch / "logits"
            self._check_room(scratch, sum(map(len, chosen.ids)) * child.facts.width)
            self._load(self.child)
            tell = self._tell("computing predictions", "positions")
            distributions.write_logits(child, chosen.ids, file, tell)
            theirs = write_answers(child, asked, most, self._tell("writing answers", "answers"))
            child.rest()
            self._load(self.parent)
            found = distributions.compare(
                parent,
                file,
                child.facts.width,
                chosen.ids,
                self._tell("comparing predictions", "positions"),
            )
        self._judge(found, chosen, parent, child)
        ours = write_answers(parent, asked, most, self._tell("writing answers", "answers"))
        self.answers = side_by_side(questions, ours, theirs)
        if asked:
            self.findings.append(check_stopping(ours, theirs, most))

    def _compare_slices(self, parent: Side) -> None:
        """Compare some layers alone, as the whole models have no room in memory."""
        pulse = self.report.raise_if_cancelled
        with self._scratch() as scratch:
            self.report.progress("cutting out layers", 0, None, "")
            ours = parent_slices(self.store, self.child, self.parent, scratch, pulse)
            theirs = child_slices(self.store, self.child, scratch, pulse)
            if ours is None or theirs is None:
                self._nothing_compared("Adapters are not compared by layers alone.")
                return
            (ids,) = parent.encode(["\n\n".join(corpus.prose(self.documents)[:40])])
            tell = self._tell("comparing layers", "runs")
            try:
                found = check_slices(ours, theirs, ids[:TOKENS], self.limits, tell)
            except SideFailed as failed:
                # A slice is a file of its own: what it is cut from is to blame.
                self.findings.append(Finding("slices.logits", "failed", failed.message))
                return
            except RagoptError as error:
                self._nothing_compared(f"Layers alone could not be compared: {error.message}")
                return
        self.findings += found
        layers = found[0].evidence["layers"]
        shown = ", ".join(str(layer) for each in layers for layer in each)
        self.left_out.append(
            f"The models do not fit in memory: layers {shown} alone were compared on {TOKENS} "
            "tokens, and neither the predictions of the whole nor answers."
        )

    def _nothing_compared(self, why: str) -> None:
        self.left_out.append(why)
        sentence = f"Nothing shows whether it predicts as before. {why}"
        self.findings.append(Finding("predictions.compared", "degraded", sentence))

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """Give a folder on the library's disk for as long as it is needed."""
        with self.store.folder.changing():
            folder = self.store.folder.new_folder()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _judge(
        self, found: distributions.Predictions, chosen: Sequences, parent: Side, child: Side
    ) -> None:
        reached = len(chosen.ids[0])
        self.findings.append(distributions.check_finite(found))
        self.findings += distributions.check_predictions(found, reached, self.limits)
        self.histogram = distributions.histogram(found)
        self.worst = distributions.worst_positions(found, chosen.ids, parent, child)
        self.positions = int(found.finite.sum())

    def _check_room(self, folder: Path, logits: int) -> None:
        needed, free = logits * _LOGIT_BYTES, shutil.disk_usage(folder).free
        if free < needed:
            raise RagoptError(
                f"Comparing predictions needs {needed / 1e9:.1f} GB for a while; "
                f"{folder.parent} has {free / 1e9:.1f} GB.",
                "Free some space, or set RAGOPT_HOME to a larger disk.",
            )

    def _side_failed(self, failed: SideFailed) -> None:
        """Note that a side cannot be run, which leaves nothing to compare from there on."""
        evidence = {"crashed": failed.crashed, "message": failed.message}
        files = files_of(self.store, self.child)
        if failed.path in (files.base, files.adapter):
            self.findings.append(
                Finding("child.loads", "failed", failed.message, evidence=evidence)
            )
        else:
            sentence = f"What it was made from cannot be run: {failed.message}"
            self.findings.append(Finding("parent.loads", "degraded", sentence, evidence=evidence))
        self.left_out.append(f"From there on nothing was compared: {failed.message}")

    def _load(self, side: VariantRecord) -> None:
        """Say which side is loaded; its first predictions do that."""
        self.report.progress(f"loading {one_line(side.variant.name, _LONGEST_NAME)}", 0, None, "")

    def _tell(self, stage: str, unit: str) -> Tell:
        def tell(done: int, total: int) -> None:
            self.report.raise_if_cancelled()
            self.report.progress(stage, done, total, unit)

        return tell
