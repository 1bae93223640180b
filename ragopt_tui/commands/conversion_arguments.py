"""What merging, converting and quantising take on the command line."""

from __future__ import annotations

import argparse
from typing import Any

_VARIANT = "its id or the unique beginning of it, its name, or its path"


def add_conversion(commands: Any) -> None:  # noqa: ANN401 - argparse names no type for it
    """Add `merge`, `convert`, `quantize`, `ship` and `export` to the commands."""
    merge = commands.add_parser("merge", help="merge adapters into their base")
    merge.add_argument(
        "adapters", metavar="ADAPTER[=WEIGHT]", nargs="+", help="which, and how much of it (1)"
    )
    merge.add_argument(
        "--onto",
        choices=["original", "nf4"],
        default="original",
        help="the base itself, or as QLoRA saw it: rounded to 4 bits and back",
    )
    merge.set_defaults(run=_merge)

    convert = commands.add_parser("convert", help="make a GGUF file of a model or an adapter")
    convert.add_argument("variant", metavar="VARIANT", nargs="?", help=_VARIANT)
    convert.add_argument("--to", metavar="TYPE", default="F16", help="F32, F16, BF16 or Q8_0 (F16)")
    convert.add_argument(
        "--fetch-converter", action="store_true", help="get llama.cpp's converter, for later"
    )
    convert.set_defaults(run=_convert)

    quantize = commands.add_parser("quantize", help="write a GGUF file in fewer bits")
    quantize.add_argument("variant", metavar="VARIANT", nargs="?", help=_VARIANT)
    quantize.add_argument("--to", metavar="TYPE", default="", help="such as Q4_K_M")
    quantize.add_argument("--list", action="store_true", help="the types, their size and loss")
    quantize.add_argument(
        "--requantize", action="store_true", help="of a GGUF that is quantised already"
    )
    _add_importance(quantize)
    quantize.set_defaults(run=_quantize)

    ship = commands.add_parser("ship", help="from an adapter or a model to a GGUF file in one go")
    ship.add_argument("variant", metavar="VARIANT", help=_VARIANT)
    ship.add_argument("--to", metavar="TYPE", default="Q4_K_M", help="such as Q4_K_M (default)")
    ship.add_argument("--onto", choices=["original", "nf4"], default="original", help="see merge")
    ship.add_argument("--keep", action="store_true", help="keep what stands in between")
    _add_importance(ship)
    ship.set_defaults(run=_ship)

    export = commands.add_parser(
        "export", help="copy a model's files to where other tools find them"
    )
    export.add_argument("variant", metavar="VARIANT", help=_VARIANT)
    export.add_argument("folder", metavar="FOLDER", help="where; made if need be")
    export.add_argument("--modelfile", action="store_true", help="with a Modelfile for Ollama")
    export.set_defaults(run=_export)
    for parser in (merge, convert, quantize, ship):
        parser.add_argument(
            "--no-verify",
            dest="verify",
            action="store_false",
            help="do not compare what is made with what it was made from",
        )
    for parser in (merge, convert, quantize, ship, export):
        parser.add_argument("--json", action="store_true", help="print JSON")


def _add_importance(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--importance",
        metavar="DOCS",
        default="",
        help="an indexed folder: what matters for its text loses least",
    )


def _merge(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.conversion import merge

    return merge(options.adapters, options.onto, options.verify, options.json)


def _convert(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.conversion import convert, fetch_converter

    if options.fetch_converter or not options.variant:
        return fetch_converter(options.json)
    return convert(options.variant, options.to, options.verify, options.json)


def _quantize(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.conversion import list_quantisations, quantize

    if options.list or not options.variant:
        return list_quantisations(options.json)
    return quantize(
        options.variant,
        options.to,
        importance=options.importance,
        requantize=options.requantize,
        verify=options.verify,
        as_json=options.json,
    )


def _ship(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.conversion import ship

    return ship(
        options.variant,
        options.to,
        onto=options.onto,
        importance=options.importance,
        keep=options.keep,
        verify=options.verify,
        as_json=options.json,
    )


def _export(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.conversion import export

    return export(options.variant, options.folder, options.modelfile, options.json)
