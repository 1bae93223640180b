"""Commands of this program, run in a process of their own by the interface."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import ragopt_tui
from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line

_LONGEST = 600


async def answered(*arguments: str) -> dict[str, Any]:
    """Run a command with `--json` among its arguments and give what it prints.

    Raises RagoptError with what it says where it prints nothing; a command that is waited for no
    longer is ended.
    """
    status, out, said = await _run(*arguments)
    try:
        values = json.loads(out)
    except ValueError:
        values = None
    if isinstance(values, dict):
        return values
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if not lines:
        raise RagoptError(f"The command ended with status {status} without saying why.")
    raise RagoptError(one_line(lines[-1].removeprefix("ragopt-tui: "), _LONGEST))


async def _run(*arguments: str) -> tuple[int, str, str]:
    home = Path(ragopt_tui.__file__).resolve().parent.parent
    paths = [str(home), os.environ.get("PYTHONPATH", "")]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ragopt_tui",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "NO_COLOR": "1"},
    )
    try:
        out, said = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(errors="replace"), said.decode(errors="replace")
