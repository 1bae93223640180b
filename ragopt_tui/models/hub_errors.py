"""What the hub, or the way to it, refuses with, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ragopt_tui.errors import RagoptError, reason
from ragopt_tui.plaintext import one_line

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

_LOG_IN = "log in with `hf auth login` or set HF_TOKEN"


@contextmanager
def plain_words(repository: str, revision: str = "") -> Iterator[None]:
    """Turn what goes wrong with the hub within the block into RagoptError; the rest passes."""
    try:
        yield
    except RagoptError:
        raise
    except Exception as error:
        name, of = one_line(repository, 100), one_line(revision, 80)
        reason = _explained(error, name, of) or _explained(error.__cause__, name, of)
        if reason is None:
            raise
        raise reason from error


def hub_address() -> str:
    """The address of the hub: HF_ENDPOINT, or Hugging Face's own."""
    from huggingface_hub import constants

    return constants.ENDPOINT


def _explained(error: BaseException | None, name: str, revision: str) -> RagoptError | None:
    import httpx2
    from huggingface_hub import errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        return RagoptError(
            "The hub is switched off here (HF_HUB_OFFLINE).", "Unset HF_HUB_OFFLINE to use it."
        )
    if isinstance(error, errors.HFValidationError):
        return RagoptError(
            f"{name!r} is no name of a repository.", "It reads owner/name, as in its address."
        )
    if isinstance(error, errors.HfHubHTTPError):
        return _refused(error, name, revision)
    if isinstance(error, httpx2.HTTPError):
        return RagoptError(
            f"The hub at {hub_address()} cannot be reached: {reason(error)}.",
            "Check the network, then try again.",
        )
    return None


def _refused(error: HfHubHTTPError, name: str, revision: str) -> RagoptError:
    from huggingface_hub import errors

    status = error.response.status_code
    said = one_line(error.response.headers.get("X-Error-Message") or "").rstrip(".")
    if isinstance(error, errors.GatedRepoError) or "gated" in said.lower():
        known = "authorization" in error.response.request.headers
        return _gated(name, said if known else None)
    if isinstance(error, errors.RevisionNotFoundError):
        return RagoptError(
            f"{name} has no revision {revision!r}.",
            "Give a branch, a tag or a whole commit id; the usual branch is main.",
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return RagoptError(
            f"The hub has no model {name}, or does not show it to you.",
            f"Check its name; for a private one {_LOG_IN}.",
        )
    if status in (401, 403):
        return RagoptError(
            f"The hub refused: {said or f'error {status}'}.",
            f"{_LOG_IN[0].upper()}{_LOG_IN[1:]} to a token that may do this.",
        )
    if status == 429:
        return RagoptError("The hub asks to wait: too many requests.", "Try again in some minutes.")
    return RagoptError(
        f"The hub answered with an error: {said or one_line(error.server_message or '') or status}.",
        "Try again later." if status >= 500 else "",
    )


def _gated(name: str, said_to_token: str | None) -> RagoptError:
    page = f"{hub_address()}/{name}"
    if said_to_token is None:
        return RagoptError(
            f"{name} is gated: its owner gives it only to those who accepted its terms.",
            f"Accept them at {page}, then {_LOG_IN}.",
        )
    return RagoptError(
        f"{name} is gated, and your token may not read it: {said_to_token or 'no access'}.",
        f"Accept its terms at {page}, and allow the token to read gated repositories.",
    )
