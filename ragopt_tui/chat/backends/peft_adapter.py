"""PEFT adapters on a loaded Hugging Face model, changed without loading the model again."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from peft import PeftConfig, PeftModel

from ragopt_tui.chat.backends.transformers_loading import LOADING_ERRORS, cannot_load
from ragopt_tui.errors import RagoptError

_MISMATCH = re.compile(
    r"size mismatch for (?P<module>\S+): copying a param with shape torch\.Size\((?P<theirs>.+?)\)"
    r".*?current model is torch\.Size\((?P<ours>.+?)\)",
    re.DOTALL,
)


class PeftAdapter:
    """The place on a model for one adapter: its layers, and modules that were trained whole."""

    def __init__(self, model: Any, base: Path) -> None:  # noqa: ANN401 - each has its own class
        self._model = model
        self._base = base
        self._peft: Any = None
        self._name = ""
        self._loaded: tuple[Path, int] | None = None
        self._number = 0

    def use(self, adapter: Path | None) -> None:
        """Make `adapter` act, in place of the one before, or none.

        Raises RagoptError if it does not load or does not fit; then the one before acts.
        """
        if adapter is None:
            if self._peft:
                self._peft.base_model.disable_adapter_layers()
            return
        state = (adapter, _written(adapter))
        if state != self._loaded:
            self._replace(adapter)
            self._loaded = state
        self._peft.base_model.enable_adapter_layers()
        self._peft.set_adapter(self._name)
        self._peft.eval()

    def _replace(self, adapter: Path) -> None:
        """Load an adapter beside the one before, and only then let go of that."""
        self._number += 1
        before, name = self._name, f"adapter{self._number}"
        try:
            with warnings.catch_warnings():
                # They are for who writes programs, and would tear a terminal's screen.
                warnings.simplefilter("ignore")
                self._load(adapter, name)
        except RagoptError:
            self._delete(name, remaining=before)
            raise
        self._name = name
        self._delete(before, remaining=name)

    def _load(self, adapter: Path, name: str) -> None:
        try:
            config = PeftConfig.from_pretrained(str(adapter))
            if config.is_prompt_learning:
                raise RagoptError(
                    f"{adapter} is of the kind {config.peft_type}, which this program cannot use.",
                    "Use an adapter that changes the model's layers, such as LoRA.",
                )
            config.inference_mode = True
            if self._peft is None:
                self._peft = PeftModel(self._model, config, name, autocast_adapter_dtype=False)
            else:
                self._peft.add_adapter(name, config, autocast_adapter_dtype=False)
            result = self._peft.load_adapter(
                str(adapter),
                name,
                torch_device=str(self._model.device),
                autocast_adapter_dtype=False,
            )
        except RuntimeError as error:
            raise self._does_not_fit(adapter, error) from error
        except LOADING_ERRORS as error:
            if "arget modules" in str(error):
                raise self._does_not_fit(adapter, error) from error
            raise cannot_load(adapter, error) from error
        if result.missing_keys or result.unexpected_keys:
            keys = sorted([*result.missing_keys, *result.unexpected_keys])
            raise RagoptError(
                f"The adapter {adapter} does not fit {self._base}: {len(keys)} of its tensors have "
                f"no place there or are missing, among them {_plain(keys[0])}.",
                "Choose the base that the adapter was made for.",
            )

    def _delete(self, name: str, remaining: str) -> None:
        if not self._peft or name not in self._peft.peft_config:
            return
        if remaining:
            self._peft.set_adapter(remaining)
            self._peft.delete_adapter(name)
        else:
            # Without adapters a PeftModel is of no use: the plain model is taken out of it.
            self._peft.base_model.unload()
            self._peft, self._name, self._loaded = None, "", None

    def _does_not_fit(self, adapter: Path, error: Exception) -> RagoptError:
        found = _MISMATCH.search(str(error))
        if found:
            reason = (
                f"{_plain(found['module'])} has the shape {found['theirs']} in the adapter, "
                f"but the base asks for {found['ours']}"
            )
        else:
            reason = str(error).strip().splitlines()[0].rstrip(".")
        return RagoptError(
            f"The adapter {adapter} does not fit {self._base}: {reason}.",
            "Choose the base that the adapter was made for.",
        )


def _plain(key: str) -> str:
    """Leave out of a tensor's name what PEFT adds to it."""
    return re.sub(r"\.adapter\d+(?=\.|$)", "", key).removeprefix("base_model.model.")


def _written(adapter: Path) -> int:
    """Give when an adapter's weights were last written, in nanoseconds since 1970."""
    file = adapter / "adapter_model.safetensors"
    if not file.is_file():
        raise RagoptError(
            f"The adapter {adapter} has no adapter_model.safetensors.",
            "Only weights in safetensors format are loaded.",
        )
    return file.stat().st_mtime_ns
