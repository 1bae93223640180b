"""What `ragopt-tui train` takes on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError


def add_train(commands: Any) -> None:  # noqa: ANN401 - argparse names no type for it
    """Add `train` to the commands."""
    train = commands.add_parser(
        "train",
        help="fine-tune a model on a data set",
        description="Trains in the background what a configuration says, and follows it.",
        epilog="Ctrl+C while following asks whether training goes on without you.",
    )
    what = train.add_mutually_exclusive_group()
    what.add_argument("config", metavar="CONFIG", nargs="?", help="a YAML file of settings")
    what.add_argument(
        "--preset", metavar="NAME", help="a configuration that comes with the program"
    )
    what.add_argument("--resume", metavar="RUN", help="go on with a run from its last checkpoint")
    what.add_argument(
        "--import-axolotl",
        metavar="FILE",
        help="print axolotl's configuration as one of ours; what has no place here is named",
    )
    what.add_argument("--presets", action="store_true", help="list the presets")
    train.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="change a setting, such as data.set=my-set or lora.r=8; may be given again",
    )
    does = train.add_mutually_exclusive_group()
    does.add_argument(
        "--plan",
        action="store_true",
        help="only say what would be trained, what memory, steps and time it takes",
    )
    does.add_argument("--print", action="store_true", help="only print the configuration")
    does.add_argument("--detach", action="store_true", help="do not follow it")
    train.add_argument("--json", action="store_true", help="print JSON")
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    from ragopt_tui.commands import train

    if options.presets:
        return train.list_presets(options.json)
    if options.import_axolotl:
        return train.print_axolotl(Path(options.import_axolotl), options.json)
    if options.resume:
        _without_settings(options)
        return train.resume_training(options.resume, options.detach, options.json)
    chosen = train.choose(options.config, options.preset, options.set)
    if options.print:
        return train.print_config(chosen)
    if options.plan:
        return train.plan(chosen, options.json)
    return train.run_training(chosen, options.detach, options.json)


def _without_settings(options: argparse.Namespace) -> None:
    if options.set or options.plan or options.print:
        raise RagoptError(
            "A run goes on with its own settings.", "Give --resume RUN alone, or with --detach."
        )
