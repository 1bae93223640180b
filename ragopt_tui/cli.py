"""The commands, thin: each imports what it needs when it runs.

Exit codes: 0 done, 1 failed (one sentence on standard error), 2 wrong usage,
3 the documents do not say (`ask` with a single question), 4 degraded and 5 broken (`verify`),
130 interrupted.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ragopt_tui import __version__
from ragopt_tui.commands.conversion_arguments import add_conversion
from ragopt_tui.commands.data_arguments import add_data
from ragopt_tui.commands.jobs_arguments import add_jobs
from ragopt_tui.commands.models_arguments import add_models
from ragopt_tui.commands.train_arguments import add_train
from ragopt_tui.commands.verify_arguments import add_verify
from ragopt_tui.errors import RagoptError

FAILED, REFUSED, INTERRUPTED = 1, 3, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and give its exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except RagoptError as error:
        print(f"ragopt-tui: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _open(options: argparse.Namespace) -> int:
    # Nothing that start-up makes is garbage yet; the interface collects again after its first frame.
    gc.disable()
    from ragopt_tui.settings import load_settings
    from ragopt_tui.ui.app import RagoptApp

    settings = load_settings()
    docs = _folder(options.docs) if options.docs else None
    app = RagoptApp(docs, settings, options.model or settings.model)
    app.run()
    return app.return_code or 0


def _index(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.index import index_folder

    return index_folder(_folder(options.folder), options.rebuild, options.json)


def _search(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.questions import search

    docs, questions = _folder(options.docs), _questions(options)
    return search(docs, questions, options.limit, options.json, options.without)


def _ask(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.questions import ask

    docs, questions = _folder(options.docs), _questions(options)
    return ask(docs, questions, options.model, options.json, options.without)


def _chats_list(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.chats import list_chats

    return list_chats(options.search, options.json)


def _chats_show(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.chats import show_chat

    return show_chat(options.conversation, options.json)


def _chats_export(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.chats import export_chat

    return export_chat(options.conversation, options.out, options.json)


def _questions(options: argparse.Namespace) -> str | Path:
    """Give the one question asked, or the file of questions."""
    if options.questions is not None:
        if options.question is not None:
            raise RagoptError("Give a question or --questions FILE, not both.")
        return Path(options.questions)
    if not options.question or not options.question.strip():
        raise RagoptError("There is no question.", 'Give one in quotes: "What was revenue?".')
    return str(options.question)


def _folder(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise RagoptError(f"The documents folder {name} {what}.", "Give a folder of documents.")
    return path.resolve()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ragopt-tui",
        description="Answers questions about the financial documents in a folder, with citations.",
        epilog="Without a command the assistant opens. Settings, keys and formats: see the README.",
    )
    parser.add_argument("--version", action="version", version=f"ragopt-tui {__version__}")
    parser.add_argument("--docs", metavar="DIR", help="the folder of documents to open")
    _add_model(parser)
    parser.set_defaults(run=_open)
    commands = parser.add_subparsers(title="commands", metavar="")

    index = commands.add_parser("index", help="index a folder of documents, or what changed in it")
    index.add_argument("folder", metavar="DIR", help="the folder of documents")
    index.add_argument("--rebuild", action="store_true", help="index every file again")
    index.add_argument("--json", action="store_true", help="print the summary as JSON")
    index.set_defaults(run=_index)

    search = commands.add_parser("search", help="find the passages closest to a question")
    _add_questions(search)
    search.add_argument(
        "-k", dest="limit", metavar="N", type=_positive, default=10, help="how many (default: 10)"
    )
    search.set_defaults(run=_search)

    ask = commands.add_parser("ask", help="answer a question with citations")
    _add_questions(ask)
    _add_model(ask)
    ask.set_defaults(run=_ask)

    _add_chats(commands.add_parser("chats", help="list, show and export conversations"))
    add_models(commands.add_parser("models", help="the library of models that can answer"))
    add_conversion(commands)
    add_data(commands.add_parser("data", help="data sets to train on"))
    add_train(commands)
    add_jobs(commands)
    add_verify(commands)
    return parser


def _add_chats(parser: argparse.ArgumentParser) -> None:
    chats = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listed = chats.add_parser("list", help="the conversations, the last used first")
    listed.add_argument("--search", metavar="WORDS", help="only those that hold all these words")
    listed.set_defaults(run=_chats_list)
    shown = chats.add_parser("show", help="one conversation, as Markdown or JSON")
    shown.set_defaults(run=_chats_show)
    exported = chats.add_parser("export", help="write one conversation to a Markdown file")
    exported.set_defaults(run=_chats_export)
    for command in (shown, exported):
        command.add_argument(
            "conversation", metavar="N", type=_positive, help="its number in `chats list`"
        )
    exported.add_argument("--out", metavar="FILE", help="default: the title in this folder")
    for command in (listed, shown, exported):
        command.add_argument("--json", action="store_true", help="print JSON")


def _add_questions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", nargs="?", metavar="QUESTION", help="the question, in quotes")
    parser.add_argument(
        "--questions",
        metavar="FILE",
        help='JSON lines with "question" each; prints one line of JSON for each, in order',
    )
    parser.add_argument("--docs", metavar="DIR", required=True, help="the folder of documents")
    parser.add_argument(
        "--without",
        action="append",
        choices=["company", "period"],
        default=[],
        help="do not keep to the companies or periods that a question names; may be given twice",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        metavar="VARIANT",
        help="who answers: an id of `models list` or the beginning of it, a folder or a GGUF file",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
