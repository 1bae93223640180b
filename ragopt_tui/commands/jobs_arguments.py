"""What `ragopt-tui jobs` takes on its command line."""

from __future__ import annotations

import argparse
from typing import Any


def add_jobs(commands: Any) -> None:  # noqa: ANN401 - argparse names no type for it
    """Add `jobs` to the commands."""
    jobs = commands.add_parser("jobs", help="what is worked on in the background")
    own = jobs.add_subparsers(title="commands", metavar="COMMAND", required=True)

    listed = own.add_parser("list", help="every job, the newest first")
    listed.add_argument("--running", action="store_true", help="only those that run now")
    listed.set_defaults(run=_list)

    shown = own.add_parser("show", help="how a job stands, why, and the end of its log")
    shown.set_defaults(run=_show)
    followed = own.add_parser(
        "follow",
        help="print what a job says until it ends",
        epilog="Ctrl+C asks whether to leave it running or to stop it; without a terminal it is "
        "left running.",
    )
    followed.set_defaults(run=_follow)
    cancelled = own.add_parser(
        "cancel", help="stop a job; training finishes its step and writes a checkpoint first"
    )
    cancelled.set_defaults(run=_cancel)
    for command in (shown, followed, cancelled):
        command.add_argument("job", metavar="JOB", help="its id, or the beginning or end of it")
    for command in (listed, shown, followed, cancelled):
        command.add_argument("--json", action="store_true", help="print JSON")


def _list(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.jobs import list_jobs

    return list_jobs(options.json, options.running)


def _show(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.jobs import show_job

    return show_job(options.job, options.json)


def _follow(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.jobs import follow_job

    return follow_job(options.job, options.json)


def _cancel(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.jobs import cancel_job

    return cancel_job(options.job, options.json)
