"""What `ragopt-tui data` takes on its command line; each command imports its work when it runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ragopt_tui.errors import RagoptError

if TYPE_CHECKING:
    from ragopt_tui.training.data.splitting import Shares

_SET = "its id or the unique beginning of it, or its name"


def add_data(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `data` its commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(
        name: str, text: str, run: Callable[[argparse.Namespace], int], of_set: bool = False
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if of_set:
            made.add_argument("set", metavar="ID", help=_SET)
        made.add_argument("--json", action="store_true", help="print JSON")
        made.set_defaults(run=run)
        return made

    _add_import(command("import", "read a data set and keep it", _import))
    listed = command("list", "all data sets, the newest first", _list)
    listed.add_argument("--removed", action="store_true", help="those in the trash")
    _add_show(command("show", "what is in a data set", _show, of_set=True))
    split = command("split", "make a set of it with train, validation and test", _split, True)
    _add_shares(split, "0.1")
    split.add_argument("--name", default="", help="what the set is called (default: as before)")
    export = command("export", "write a data set to files", _export, of_set=True)
    export.add_argument("--out", metavar="PATH", help="a file, or a folder for several splits")
    export.add_argument(
        "--format",
        choices=["jsonl", "csv", "parquet"],
        default="",
        help="default: by the file's ending, else jsonl",
    )
    command("remove", "move a data set to the trash", _remove, of_set=True)
    restore = command("restore", "take a data set out of the trash", _restore)
    restore.add_argument("set", metavar="ID", help="its id in `data list --removed`")


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "place",
        metavar="PATH|OWNER/NAME",
        help="a file of rows (JSON, JSONL, CSV, Parquet, Arrow), a folder of such or of documents,"
        " a document, or a data set on the hub",
    )
    parser.add_argument("--name", default="", help="how it is shown")
    parser.add_argument(
        "--format",
        default="auto",
        help="auto, messages, sharegpt, raft, alpaca, question-answer, prompt-completion or text",
    )
    parser.add_argument(
        "--column",
        metavar="WHAT=NAME",
        action="append",
        default=[],
        help="what the file calls a column, such as question=Q; may be given again",
    )
    parser.add_argument(
        "--group",
        metavar="NAME",
        default="",
        help="a column, such as the document's, whose equal values stay on one side of a split",
    )
    _add_shares(parser, "0")
    parser.add_argument("--revision", default="main", help="of a data set on the hub")
    parser.add_argument("--check", action="store_true", help="only say what would be imported")


def _add_shares(parser: argparse.ArgumentParser, validation: str) -> None:
    for side, default in (("validation", validation), ("test", "0")):
        parser.add_argument(
            f"--{side}",
            metavar="N",
            type=float,
            default=float(default),
            help=f"a share below 1, or a number of rows (default: {default})",
        )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the draw (default: 0)")


def _add_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tokens", metavar="VARIANT", default="", help="as this model reads it, with loss marked"
    )
    parser.add_argument("-n", dest="count", metavar="N", type=int, default=3, help="examples shown")
    parser.add_argument(
        "--split", choices=["train", "validation", "test"], default="train", help="of which split"
    )
    parser.add_argument(
        "--template",
        choices=["auto", "evidence", "chat", "none"],
        default="auto",
        help="how a dialogue becomes text (default: auto)",
    )
    parser.add_argument(
        "--max-length", metavar="N", type=int, default=1024, help="tokens of a row (default: 1024)"
    )
    parser.add_argument(
        "--all-tokens", action="store_true", help="loss on prompts too, not only on answers"
    )


def _import(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.data import import_data
    from ragopt_tui.training.data.importing import Request

    path = Path(options.place).expanduser()
    request = Request(
        place=str(path) if path.exists() else options.place,
        name=options.name,
        format=options.format,
        columns=dict(_column(text) for text in options.column),
        group=options.group,
        shares=_shares(options) if options.validation or options.test else None,
        revision=options.revision,
    )
    return import_data(request, options.check, options.json)


def _column(text: str) -> tuple[str, str]:
    what, separator, name = text.partition("=")
    if not (what and separator and name):
        raise RagoptError(f"--column {text} names no column.", "Write it as question=Q.")
    return what.strip(), name.strip()


def _shares(options: argparse.Namespace) -> Shares:
    from ragopt_tui.training.data.splitting import Shares

    return Shares(options.validation, options.test, options.seed)


def _list(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.data import list_sets

    return list_sets(options.removed, options.json)


def _show(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.data_shown import Shown, show_set

    shown = Shown(
        variant=options.tokens,
        count=max(0, options.count),
        split=options.split,
        template=options.template,
        max_length=options.max_length,
        completion_only=not options.all_tokens,
    )
    return show_set(options.set, shown, options.json)


def _split(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.data import split_set

    return split_set(options.set, _shares(options), options.name, options.json)


def _export(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.data import export_data

    return export_data(options.set, options.out, options.format, options.json)


def _remove(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.data import remove_set

    return remove_set(options.set, options.json)


def _restore(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.data import restore_set

    return restore_set(options.set, options.json)
