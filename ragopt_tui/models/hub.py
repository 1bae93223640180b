"""The model hub: what its repositories hold, and with which token they are read.

Imports no heavy library; everything that asks the hub may take seconds and blocks.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.hub_errors import hub_address, plain_words
from ragopt_tui.models.hub_files import HubFile, Offer, offers
from ragopt_tui.plaintext import one_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo

_SECONDS = 20.0
_TOKEN_LINE = re.compile(r"\s*(?:export\s+)?(HF_TOKEN|HF)\s*=\s*[\"']?([\w.-]+)[\"']?\s*(?:#.*)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class HubModel:
    """A repository at one commit; `gated` says that its owner lets in only who asked."""

    id: str
    commit: str
    gated: bool
    licence: str
    files: tuple[HubFile, ...]

    @property
    def offers(self) -> tuple[Offer, ...]:
        """The forms in which it can be fetched."""
        return offers(self.files)


@dataclass(frozen=True, slots=True)
class Found:
    """A repository that a search found; `parameters` is None where the hub does not say."""

    id: str
    downloads: int
    parameters: int | None
    gated: bool
    formats: tuple[str, ...]


def hub_token(folder: Path) -> str | None:
    """Give the token to show to the hub, or None.

    It comes from HF_TOKEN in the environment, else from a line `HF_TOKEN=…` or `HF=…` in the file
    `.env` of `folder`, else from the login of `hf auth login`. Raises RagoptError where that cannot
    be read.
    """
    from huggingface_hub import get_token

    in_environment = os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN")
    try:
        return (None if in_environment else _token_of_file(folder / ".env")) or get_token()
    except OSError as error:
        raise RagoptError(
            f"The token of your login to the hub cannot be read: {error.strerror}.",
            "Check HF_HOME and the permissions of what is in it.",
        ) from error


def look_up(repository: str, revision: str, token: str | None) -> HubModel:
    """Ask the hub what `repository` (`owner/name`) holds at a branch, tag or commit.

    Raises RagoptError where it does not exist, may not be read, or the hub cannot be reached.
    """
    with plain_words(repository, revision):
        return _model(hub_api(token), repository, revision)


def search(text: str, token: str | None, limit: int = 20) -> list[Found]:
    """Give the text models whose name holds `text`, the most used first.

    Only such as have safetensors or GGUF files. Raises RagoptError where the hub cannot be reached.
    """
    from huggingface_hub import get_session
    from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

    wanted: dict[str, str | int | list[str]] = {
        "search": text,
        "pipeline_tag": "text-generation",
        "sort": "downloads",
        "limit": limit * 2,
        "expand": ["downloads", "gated", "gguf", "safetensors", "tags"],
    }
    # The client's own listing would try for half a minute to reach a hub that is not there.
    with plain_words(text):
        reply = get_session().get(
            f"{hub_address()}/api/models",
            params=wanted,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=_SECONDS,
        )
        hf_raise_for_status(reply)
    models = (_found(values) for values in reply.json())
    return [model for model in models if model.formats][:limit]


def hub_api(token: str | None) -> HfApi:
    """Give the hub's client, which shows `token` where there is one and no other."""
    from huggingface_hub import HfApi

    return HfApi(token=token or False, library_name="ragopt-tui")


def _model(api: HfApi, repository: str, revision: str) -> HubModel:
    info = api.model_info(repository, revision=revision, files_metadata=True, timeout=_SECONDS)
    if not _COMMIT.fullmatch(info.sha or ""):
        raise RagoptError(f"The hub's answer about {one_line(repository, 100)} names no commit.")
    files = [HubFile.of(sibling) for sibling in info.siblings or ()]
    return HubModel(repository, info.sha or "", bool(info.gated), _licence(info), tuple(files))


def _licence(info: ModelInfo) -> str:
    tags = [tag.removeprefix("license:") for tag in info.tags or () if tag.startswith("license:")]
    return one_line(tags[0], 60) if tags else ""


def _found(values: dict[str, Any]) -> Found:
    sizes = (values.get("safetensors") or values.get("gguf") or {}).get("total")
    tags = values.get("tags") or ()
    return Found(
        id=one_line(str(values.get("id")), 120),
        downloads=int(values.get("downloads") or 0),
        parameters=sizes if isinstance(sizes, int) else None,
        gated=bool(values.get("gated")),
        formats=tuple(form for form in ("safetensors", "gguf") if form in tags),
    )


def _token_of_file(file: Path) -> str | None:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = {match[1]: match[2] for line in lines if (match := _TOKEN_LINE.fullmatch(line))}
    short = found.get("HF", "")
    return found.get("HF_TOKEN") or (short if short.startswith("hf_") else None)
