"""`ragopt-tui train`: what is trained, what it would take, and starting it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ragopt_tui.commands.train_following import follow_training
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.job import Job
from ragopt_tui.models.machine import this_machine
from ragopt_tui.models.store import VariantStore
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import folders
from ragopt_tui.training.configuration.axolotl import import_axolotl
from ragopt_tui.training.configuration.changes import with_absolute_paths, with_settings
from ragopt_tui.training.configuration.checks import (
    combination_errors,
    machine_errors,
    missing_errors,
)
from ragopt_tui.training.configuration.config import (
    ConfigError,
    TrainingConfig,
    config_errors,
    parse_config,
    write_config,
)
from ragopt_tui.training.configuration.file import read_text
from ragopt_tui.training.configuration.planned_base import check_base
from ragopt_tui.training.configuration.presets import preset, presets
from ragopt_tui.training.data.store import DataSetStore


@dataclass(frozen=True, slots=True)
class Chosen:
    """A configuration, and the YAML that it is from, as its user wrote it."""

    config: TrainingConfig
    original: str


def choose(file: str | None, name: str | None, settings: Sequence[str]) -> Chosen:
    """Read a file or a preset, with settings changed.

    Raises ConfigError for what is wrong in it, of several mistakes for the last with the others
    printed; RagoptError where neither is given.
    """
    if name:
        found = preset(name)
        config, text = found.config, found.text
    elif file:
        path = Path(file).expanduser()
        text = read_text(path)
        _refuse(config_errors(text, file))
        config = parse_config(text, file)
    else:
        raise RagoptError(
            "There is nothing to train.",
            "Give a configuration, --preset NAME or --resume RUN; --presets lists presets.",
        )
    if settings:
        config = with_settings(config, settings)
    own = [Path(file).expanduser().absolute().parent] if file else []
    return Chosen(with_absolute_paths(config, [*own, Path.cwd()], _ids(config)), text)


def _refuse(errors: Sequence[ConfigError]) -> None:
    """Print all mistakes but the last, which is raised as any other error of a command."""
    for error in errors[:-1]:
        print(f"ragopt-tui: {error}", file=sys.stderr)
    if errors:
        raise errors[-1]


def _ids(config: TrainingConfig) -> set[str]:
    """Give which of the names in a configuration are ids, whatever lies in the working folder."""
    store = VariantStore(folders().models)
    ids = {name for name in (config.base, config.continue_from) if name and store.known(name)}
    return ids | {known.id for known in DataSetStore().sets() if known.id == config.data.set}


def list_presets(as_json: bool) -> int:
    """Print the presets with what each is for."""
    if as_json:
        rows = [
            {"name": each.name, "title": each.title, "about": each.about, "base": each.config.base}
            | {"text": each.text, "config": asdict(each.config)}
            for each in presets().values()
        ]
        print(json.dumps({"presets": rows}, ensure_ascii=False))
        return 0
    width = max(map(len, presets())) + 2
    for each in presets().values():
        print(f"{each.name:<{width}}{each.title}")
    return 0


def print_axolotl(file: Path, as_json: bool) -> int:
    """Print axolotl's configuration as one of ours, on standard error what has no place here."""
    imported = import_axolotl(read_text(file.expanduser()), str(file))
    text = write_config(imported.config)
    if as_json:
        left = [asdict(each) for each in imported.unmapped]
        print(json.dumps({"config": text, "unmapped": left}, ensure_ascii=False))
        return 0
    print(text, end="")
    for each in imported.unmapped:
        print(one_line(f"not taken over: {each.key}: {each.value}. {each.reason}"), file=sys.stderr)
    return 0


def print_config(chosen: Chosen) -> int:
    """Print a configuration; a preset that is not changed as it stands, with its comments."""
    unchanged = parse_config(chosen.original) == chosen.config
    print(chosen.original if unchanged else write_config(chosen.config), end="")
    return 0


def plan(chosen: Chosen, as_json: bool) -> int:
    """Print what a run would train, need and take; gives 1 where it could not start."""
    from ragopt_tui.commands.train_plan import plan_lines
    from ragopt_tui.training.planning.planning import plan_training

    made = plan_training(chosen.config, VariantStore(folders().models), this_machine())
    if as_json:
        print(json.dumps(made.to_json(), ensure_ascii=False))
    else:
        print("\n".join(plan_lines(made)))
    return 1 if made.errors else 0


def run_training(chosen: Chosen, detach: bool, as_json: bool) -> int:
    """Start a run, and follow it unless it is detached; gives 0 when it finished.

    Raises ConfigError before anything starts where the settings do not go together.
    """
    from ragopt_tui.training.runs.starting import start_training

    config = chosen.config
    machine = machine_errors(config, this_machine())
    _refuse([*missing_errors(config), *combination_errors(config), *machine])
    check_base(config, VariantStore(folders().models))
    return _follow(start_training(config, chosen.original), detach, as_json)


def resume_training(name: str, detach: bool, as_json: bool) -> int:
    """Go on with a run from its last checkpoint, as `run_training` does with a new one."""
    from ragopt_tui.training.runs.listing import find_run
    from ragopt_tui.training.runs.starting import resume

    return _follow(resume(find_run(name)), detach, as_json)


def _follow(job: Job, detach: bool, as_json: bool) -> int:
    if detach:
        values = {"job": job.id, "run": job.spec.parameters.get("run") or job.id}
        print(json.dumps(values) if as_json else f"{values['run']} trains as the job {job.id}.")
        return 0
    result = follow_training(job)
    print(json.dumps(result, ensure_ascii=False) if as_json else one_line(result["message"], 1000))
    return 0
