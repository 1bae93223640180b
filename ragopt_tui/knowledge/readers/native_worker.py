"""A process of its own for the native parsers: requests come as JSON lines, replies go as such.

It ends when its input does. A parser that crashes or hangs takes down this process and no other.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from typing import Any


def main() -> None:
    """Serve requests `{"path": …}` from standard input until it ends."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests,), daemon=True).start()
    while True:
        reply = _extract(json.loads(requests.get())["path"])
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _receive(requests: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def _extract(path: str) -> dict[str, Any]:
    try:
        if path.lower().endswith(".pdf"):
            from ragopt_tui.knowledge.readers.pdf_file import pdf_pages

            return {"pages": pdf_pages(path)}
        return _markdown(path)
    except Exception as error:  # noqa: BLE001 - a process boundary: any failure becomes a reply
        return {"error": str(error)}


def _markdown(path: str) -> dict[str, Any]:
    import kreuzberg

    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        enable_quality_processing=False,
        output_format="markdown",
        postprocessor=kreuzberg.PostProcessorConfig(enabled=False),
        content_filter=kreuzberg.ContentFilterConfig(
            include_headers=True, include_footers=True, strip_repeating_text=False
        ),
    )
    result = kreuzberg.extract_file_sync(path, config=config)
    return {"content": result.content}


if __name__ == "__main__":
    main()
