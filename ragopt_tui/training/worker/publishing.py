"""Trained weights as variants of the library: checkpoints while training goes on, then the result."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.job import Job
from ragopt_tui.models import push_job
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import VariantKind
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.runs.checkpoints import STEP, checkpoint_name, spare_checkpoints
from ragopt_tui.training.runs.folder import RunState

_WEIGHTS = ".safetensors"
_DESCRIBING = (".json", ".jinja", ".model", ".txt")
_OF_TRAINING = ("run_state.json", "trainer_state.json")


class Publisher:
    """Puts the checkpoints of one run into the library and, if asked for, on the hub."""

    def __init__(
        self,
        store: VariantStore,
        *,
        name: str,
        kind: VariantKind,
        parent: str,
        made: Mapping[str, Any],
        repository: str = "",
        working_folder: str = "",
        told: Callable[[str], None],
    ) -> None:
        self._store = store
        self._name, self._kind, self._parent = name, kind, parent
        self._made = dict(made)
        self._repository, self._working_folder = repository, working_folder
        self._told = told
        self._pushing: Job | None = None
        self._to_drop: set[int] = set()

    def add_checkpoint(self, folder: Path, state: RunState) -> VariantRecord:
        """List a checkpoint; its weights are the same files, not copies, where that can be."""
        record = self._adopted(folder, checkpoint_name(self._name, state.step), STEP, state)
        if not self._is_pushing():
            self._tell_push()
            self._pushing = self._push(record)
        for at in sorted(self._to_drop):
            self.drop_checkpoint(at)
        return record

    def add_result(self, folder: Path, state: RunState) -> VariantRecord:
        """Put the trained variant into the library, in place of the checkpoint of its step."""
        record = self._adopted(folder, self._name, "train", state)
        if self._pushing is not None:
            # What it sends would come after the result, or be gone before it was sent.
            supervisor.cancel(self._pushing)
        for at in sorted({*self._to_drop, state.step}):
            self.drop_checkpoint(at)
        self._push(record)
        return record

    def drop_checkpoint(self, step: int) -> None:
        """Take the checkpoint of a step out of the library, unless its user made something of it.

        One that is being put on the hub goes with a later one.
        """
        self._to_drop.discard(step)
        for record in spare_checkpoints(self._store, self._made["run"]):
            if (record.made or {}).get("at") != step:
                continue
            if self._is_pushing(record.variant.id):
                self._to_drop.add(step)
                continue
            self._store.remove(record.variant.id)
            self._store.purge(record.variant.id)

    def _is_pushing(self, variant: str = "") -> bool:
        """Whether a variant, or any, is being put on the hub."""
        job = self._pushing
        if job is None or job.state != "running":
            return False
        return not variant or job.spec.parameters["variant"] == variant

    def _tell_push(self) -> None:
        job = self._pushing
        if job is not None and job.state != "finished":
            self._told(f"The last checkpoint was not put on the hub: {job.reason}")

    def _adopted(self, source: Path, name: str, step: str, state: RunState) -> VariantRecord:
        with self._store.folder.changing():
            folder = self._store.folder.new_folder()
        try:
            for file in sorted(source.iterdir()):
                if belongs_to_model(file):
                    _link(file, folder / file.name)
            evaluated = state.best_loss if state.best_step == state.step else None
            losses = {"loss": state.loss, "evaluation_loss": evaluated}
            made = self._made | {"step": step, "at": state.step, **losses}
            return self._store.adopt(
                folder, name=name, kind=self._kind, parent=self._parent, made=made
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _push(self, record: VariantRecord) -> Job | None:
        if not self._repository:
            return None
        parameters = {
            "variant": record.variant.id,
            "repository": self._repository,
            "public": False,
            "working_folder": self._working_folder,
        }
        title = f"put on the hub: {one_line(self._repository, 80)}"
        try:
            return supervisor.start(push_job.KIND, title, push_job.TARGET, parameters)
        except RagoptError:
            # Training goes on: the next checkpoint is put there too.
            return None


def belongs_to_model(file: Path) -> bool:
    """Whether a checkpoint's file is of the model, not of the training."""
    if file.name.startswith(".") or file.name in _OF_TRAINING:
        return False
    return file.suffix == _WEIGHTS or file.suffix in _DESCRIBING


def _link(source: Path, target: Path) -> None:
    if source.suffix == _WEIGHTS:
        try:
            os.link(source, target)
            return
        except OSError:
            # Another file system, or one without links.
            pass
    shutil.copyfile(source, target)
