"""What `ragopt-tui verify` takes on its command line."""

from __future__ import annotations

import argparse
from typing import Any


def add_verify(commands: Any) -> None:  # noqa: ANN401 - argparse names no type for it
    """Add `verify` to the commands."""
    verify = commands.add_parser(
        "verify",
        help="compare a model with the one that it was made from",
        description="Compares a model with the one that it was made from, and keeps the report.",
        epilog="Exit codes: 0 verified, 4 degraded, 5 broken, 1 it could not be compared.",
    )
    verify.add_argument(
        "variant", metavar="VARIANT", help="its id or the unique beginning of it, or its name"
    )
    verify.add_argument(
        "--against",
        metavar="PARENT",
        default="",
        help="what to compare it with (default: what it was made from)",
    )
    verify.add_argument(
        "--docs",
        metavar="DIR",
        default="",
        help="an indexed folder, on whose text they are compared (default: built-in texts)",
    )
    verify.add_argument("--json", action="store_true", help="print the report as JSON")
    verify.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.verify import verify

    return verify(options.variant, options.against, options.docs, options.json)
