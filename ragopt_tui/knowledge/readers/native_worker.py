"""A process of its own for the native parsers: requests come as JSON lines, replies go as such.

It ends when its input does. A parser that crashes or hangs takes down this process and no other.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import kreuzberg


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
    import kreuzberg

    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        enable_quality_processing=False,
        output_format="markdown",
        include_document_structure=path.lower().endswith(".pdf"),
        pages=kreuzberg.PageConfig(extract_pages=True),
        postprocessor=kreuzberg.PostProcessorConfig(enabled=False),
        content_filter=kreuzberg.ContentFilterConfig(
            include_headers=True, include_footers=True, strip_repeating_text=False
        ),
    )
    try:
        result = kreuzberg.extract_file_sync(path, config=config)
    except Exception as error:  # noqa: BLE001 - a process boundary: any failure becomes a reply
        return {"error": str(error)}
    return {
        "content": result.content,
        "title": str(result.metadata.get("title") or ""),
        "pages": _pages(result),
    }


def _pages(result: kreuzberg.ExtractionResult) -> list[dict[str, Any]]:
    """Give each page's text with its height and its pieces, in points and in order."""
    sizes = (result.metadata.get("pages") or {}).get("pages") or ()
    heights = {size["number"]: (size.get("dimensions") or (0, 842))[1] for size in sizes}
    pieces = _pieces(result.document)
    return [
        {
            "content": page["content"],
            "number": page["page_number"],
            "height": heights.get(page["page_number"], 842),
            "pieces": [piece for piece in pieces if piece["page"] == page["page_number"]],
        }
        for page in result.pages or ()
    ]


def _pieces(structure: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Headings and paragraphs in order: page, text, top, and a heading's level or 0."""
    pieces = []
    for node in (structure or {}).get("nodes", ()):
        content = node.get("content", {})
        kind = content.get("node_type")
        if kind in ("heading", "paragraph", "list_item", "table") and content.get("text"):
            pieces.append(
                {
                    "page": node.get("page") or 0,
                    "top": (node.get("bbox") or {}).get("y1", 842),
                    "level": int(content.get("level") or 1) if kind == "heading" else 0,
                    "text": content["text"],
                }
            )
    return pieces


if __name__ == "__main__":
    main()
