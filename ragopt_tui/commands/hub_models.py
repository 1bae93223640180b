"""`ragopt-tui models pull|push|search|suggest`: models from and to the hub."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ragopt_tui.commands.following import result_of
from ragopt_tui.commands.models import known_variant
from ragopt_tui.models.hub import hub_token, search
from ragopt_tui.models.machine import this_machine
from ragopt_tui.models.pull_job import start_pull
from ragopt_tui.models.push_job import start_push
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.suggestions import fitting
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import folders
from ragopt_tui.ui.variant_words import amount


def pull_model(repository: str, revision: str, file: str, as_json: bool) -> int:
    """Get a model from the hub into the library, with its progress; Ctrl+C cancels."""
    result = result_of(start_pull(repository, revision, file))
    if as_json:
        kept = {key: result[key] for key in ("variant", "problem")}
        print(json.dumps(kept, ensure_ascii=False))
    else:
        print(one_line(f"{result['variant']}: {result['message']}", 1000))
    return 0


def push_model(name: str, repository: str, public: bool, as_json: bool) -> int:
    """Put a variant on the hub, into a private repository unless `public`; Ctrl+C cancels."""
    variant = known_variant(VariantStore(folders().models), name)
    result = result_of(start_push(variant.id, repository, public))
    if as_json:
        kept = {key: result[key] for key in ("repository", "url", "commit")}
        print(json.dumps(kept, ensure_ascii=False))
    else:
        print(one_line(f"{result['message']} {result['url']}", 1000))
    return 0


def search_hub(words: str, as_json: bool) -> int:
    """Print the hub's text models whose name holds `words`, the most used first."""
    found = search(words, hub_token(Path.cwd()))
    if as_json:
        models = [
            {
                "repository": model.id,
                "parameters": model.parameters,
                "formats": list(model.formats),
                "gated": model.gated,
                "downloads": model.downloads,
            }
            for model in found
        ]
        print(json.dumps({"models": models}, ensure_ascii=False))
        return 0
    for model in found:
        parameters = "" if model.parameters is None else amount(model.parameters)
        gated = "  gated" if model.gated else ""
        print(f"{parameters:>7}  {model.id}  {'+'.join(model.formats)}{gated}")
    if not found:
        print("The hub has no such model with safetensors or GGUF files.", file=sys.stderr)
    return 0


def suggest_models(as_json: bool) -> int:
    """Print the suggested models that fit into this machine's memory, the largest first."""
    found = fitting(this_machine())
    if as_json:
        models = [
            {
                "repository": each.suggestion.repository,
                "file": each.suggestion.file,
                "parameters": round(each.suggestion.parameters * 1e9),
                "bytes": round(each.suggestion.gigabytes * 1e9),
                "memory": round(each.suggestion.needs(each.precision) * 1e9),
                "precision": each.precision,
                "licence": each.suggestion.licence,
                "gated": each.suggestion.gated,
            }
            for each in found
        ]
        print(json.dumps({"models": models}, ensure_ascii=False))
        return 0
    for each in found:
        model = each.suggestion
        file = f" --file {model.file}" if model.file else ""
        about = ", ".join(
            filter(None, [model.licence, "gated" if model.gated else "", _only(each.precision)])
        )
        print(
            f"{model.parameters:>5.1f}B {model.gigabytes:>6.1f} GB"
            f"  {one_line(model.repository + file, 100)}  ({one_line(about)})"
        )
    if not found:
        print("None of the suggested models fits into this machine's memory.", file=sys.stderr)
    return 0


def _only(precision: str) -> str:
    return f"fits only as {precision}" if precision != "auto" else ""
