"""What `ragopt-tui models` takes on its command line; each command imports its work when it runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable

_VARIANT = "its id or the unique beginning of it, its name, or its path"


def add_models(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `models` its commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(
        name: str, text: str, run: Callable[[argparse.Namespace], int], variant: bool = False
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if variant:
            made.add_argument("variant", metavar="VARIANT", help=_VARIANT)
        made.add_argument("--json", action="store_true", help="print JSON")
        made.set_defaults(run=run)
        return made

    listed = command("list", "all variants, each below the one it was made from", _list)
    listed.add_argument("--removed", action="store_true", help="those in the trash")
    command("show", "all that is known of a variant", _show, variant=True)
    _add_sources(command("add", "put models of this machine or of a server into the library", _add))
    command("scan", "put the models of the Hugging Face cache into the library", _scan)
    pull = command("pull", "get a model from the hub", _pull)
    pull.add_argument("repository", metavar="OWNER/NAME", help="its id on the hub")
    pull.add_argument("--revision", default="main", help="branch, tag or commit (default: main)")
    pull.add_argument("--file", default="", help="which GGUF file: its name, or as much as Q4_K_M")
    push = command("push", "put a variant on the hub, privately", _push, variant=True)
    push.add_argument("repository", metavar="OWNER/NAME", help="the repository, made if need be")
    push.add_argument("--public", action="store_true", help="where everybody can read it")
    command("search", "models on the hub", _search).add_argument("words", metavar="WORDS")
    command("suggest", "models on the hub that fit this machine's memory", _suggest)
    command("check", "whether its files are whole and what they were", _check, variant=True)
    rename = command("rename", "give a variant another name", _rename, variant=True)
    rename.add_argument("name", metavar="NAME")
    removed = command("remove", "move a variant, or a run's checkpoints, to the trash", _remove)
    which = removed.add_mutually_exclusive_group(required=True)
    which.add_argument("variant", metavar="VARIANT", nargs="?", help=_VARIANT)
    which.add_argument(
        "--checkpoints",
        metavar="RUN",
        help="those of a training run that you did not name, tag, verify or build on",
    )
    restore = command("restore", "take a variant out of the trash", _restore)
    restore.add_argument("id", metavar="ID", help="its id in `models list --removed`")


def _add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "place",
        metavar="PATH|URL",
        help="a Hugging Face folder, a PEFT adapter, a GGUF file, a folder of such, or the URL of"
        " an OpenAI-compatible server",
    )
    parser.add_argument("--name", default="", help="how it is shown")
    parser.add_argument(
        "--copy", action="store_true", help="copy it into the library instead of referring to it"
    )
    parser.add_argument(
        "--base",
        metavar="VARIANT",
        default="",
        help="what an adapter sits on (default: as it says)",
    )
    parser.add_argument(
        "--chat-template",
        metavar="FILE",
        default="",
        help="a Jinja template, for a model that brings none",
    )
    parser.add_argument("--served", metavar="NAME", default="", help="which of the server's models")
    parser.add_argument(
        "--key-variable",
        metavar="NAME",
        default="",
        help="the environment variable that holds the server's key",
    )


def _list(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.models import list_models

    return list_models(options.removed, options.json)


def _show(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.models import show_model

    return show_model(options.variant, options.json)


def _add(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.models import add_model, add_served

    if options.place.startswith(("http://", "https://")):
        return add_served(
            options.place,
            name=options.name,
            served=options.served,
            key_variable=options.key_variable,
            as_json=options.json,
        )
    return add_model(
        options.place,
        name=options.name,
        base=options.base,
        copy=options.copy,
        template=options.chat_template,
        as_json=options.json,
    )


def _scan(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.models import scan_cache

    return scan_cache(options.json)


def _check(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.models import check_model

    return check_model(options.variant, options.json)


def _rename(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.models import rename_model

    return rename_model(options.variant, options.name, options.json)


def _remove(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.models import remove_checkpoints, remove_model

    if options.checkpoints is not None:
        return remove_checkpoints(options.checkpoints, options.json)
    return remove_model(options.variant, options.json)


def _restore(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.models import restore_model

    return restore_model(options.id, options.json)


def _pull(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.hub_models import pull_model

    return pull_model(options.repository, options.revision, options.file, options.json)


def _push(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.hub_models import push_model

    return push_model(options.variant, options.repository, options.public, options.json)


def _search(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.hub_models import search_hub

    return search_hub(options.words, options.json)


def _suggest(options: argparse.Namespace) -> int:
    from ragopt_tui.commands.hub_models import suggest_models

    return suggest_models(options.json)
