"""What went wrong in the interface, for whoever mends it."""

from __future__ import annotations

from datetime import datetime

from ragopt_tui.settings import folders

_LOG = "interface.log"


def write_log(error: BaseException) -> str:
    """Append a traceback to the log and say where it is; a full disk is no second error."""
    import traceback

    file = folders().logs / _LOG
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as log:
            log.write(f"{datetime.now():%Y-%m-%d %H:%M:%S}\n")
            traceback.print_exception(error, file=log)
    except OSError as failure:
        return f"The details could not be written to {file}: {failure.strerror}."
    return f"The details are in {file}."
