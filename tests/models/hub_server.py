"""A hub on this machine: repositories, and the part of the hub's HTTP interface that is used."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

READER, STRANGER, WRITER = "hf_reader", "hf_stranger", "hf_writer"
"""Tokens: the first may read gated repositories, the second nothing, the third may write."""


@dataclass
class Repository:
    """A repository at one commit; `large` files are kept apart, as the hub keeps LFS files."""

    files: dict[str, bytes]
    commit: str = "c" * 40
    revisions: set[str] = field(default_factory=lambda: {"main"})
    gated: bool = False
    private: bool = False
    tags: list[str] = field(default_factory=lambda: ["safetensors", "license:apache-2.0"])
    downloads: int = 1

    def sibling(self, name: str, hub: Hub) -> dict[str, Any]:
        """What the hub says of a file."""
        content = self.files[name]
        size = hub.announced_sizes.get(name, len(content))
        values: dict[str, Any] = {"rfilename": name, "size": size, "blobId": git_id(content)}
        if is_large(name):
            digest = hub.announced_digests.get(name, hashlib.sha256(content).hexdigest())
            values["lfs"] = {"sha256": digest, "size": size, "pointerSize": 134}
        return values


def git_id(content: bytes) -> str:
    """Give git's id of a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_large(name: str) -> bool:
    """Whether the hub keeps a file as a large one."""
    return name.endswith((".safetensors", ".gguf", ".bin", ".model"))


@dataclass
class Hub:
    """What the server serves, how it misbehaves, and what it was asked."""

    url: str = ""
    storage_url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    """After how many bytes the connection is cut, for each request of a file in turn."""

    refusals: dict[str, list[int]] = field(default_factory=dict)
    """With which status the next requests of a file, or of an `upload`, are answered."""

    held: dict[str, threading.Event] = field(default_factory=dict)
    """Files of which half is sent, then byte after byte, and the rest once the event is set."""

    announced_sizes: dict[str, int] = field(default_factory=dict)
    announced_digests: dict[str, str] = field(default_factory=dict)
    ignores_ranges: bool = False
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    uploaded: dict[str, bytes] = field(default_factory=dict)

    def asked(self, method: str, part: str) -> list[dict[str, str]]:
        """Give the headers of the requests whose path holds `part`."""
        return [head for how, path, head in self.requests if how == method and part in path]


@contextlib.contextmanager
def serving() -> Iterator[Hub]:
    """Serve a hub, and its storage on an address of its own."""
    hub = Hub()
    servers = [_Server(("127.0.0.1", 0), _handler(hub)) for _ in range(2)]
    hub.url, hub.storage_url = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    threads = [
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        for server in servers
    ]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for event in hub.held.values():
            event.set()
        for server in servers:
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        # Whoever cancels a download hangs up.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        pass

    Handler.hub = hub
    return Handler


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._note()
        path = unquote(urlsplit(self.path).path)
        if match := re.fullmatch(r"/api/(?:models|datasets)/(.+)/revision/(.+)", path):
            self._model(match[1], match[2])
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)", path):
            self._model(match[1], "main")
        elif path == "/api/models":
            self._search()
        elif match := re.fullmatch(r"/storage/(.+?/.+?)/(.+)", path):
            self._content(match[2], self.hub.repositories[match[1]].files[match[2]])
        elif match := re.fullmatch(r"(?:/datasets)?/(.+?/.+?)/resolve/([^/]+)/(.+)", path):
            self._resolve(*match.groups())
        else:
            self._json({"error": "no such page"}, 404)

    def do_POST(self) -> None:
        self._note()
        path = unquote(urlsplit(self.path).path)
        body = self._body()
        if path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif path.startswith("/verify/"):
            known = json.loads(body)["oid"] in self.hub.uploaded
            self._json({}, 200 if known else 404)
        elif self._token != WRITER:
            self._json({}, 403, {"X-Error-Message": "You don't have the rights to do that"})
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif match := re.fullmatch(r"/api/models/(.+)/preupload/main", path):
            self._preupload(match[1], json.loads(body))
        elif match := re.fullmatch(r"/(.+)\.git/info/lfs/objects/batch", path):
            self._batch(json.loads(body))
        elif match := re.fullmatch(r"/api/models/(.+)/commit/main", path):
            self._commit(match[1], body)
        else:
            self._json({"error": "no such page"}, 404)

    def do_PUT(self) -> None:
        self._note()
        content = self._body()
        if self.hub.refusals.get("upload"):
            self._json({}, self.hub.refusals["upload"].pop(0))
            return
        self.hub.uploaded[hashlib.sha256(content).hexdigest()] = content
        self._json({})

    @property
    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _note(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub.requests.append((self.command, unquote(self.path), headers))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _json(self, values: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(values).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._json({"error": message}, status, {"X-Error-Code": code, "X-Error-Message": message})

    def _readable(self, name: str) -> Repository | None:
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and self._token not in (READER, WRITER)):
            self._refuse(404 if self._token else 401, "RepoNotFound", "Repository not found")
            return None
        return repository

    def _model(self, name: str, revision: str) -> None:
        repository = self._readable(name)
        if repository is None:
            return
        if revision not in repository.revisions | {repository.commit}:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return
        siblings = [repository.sibling(file, self.hub) for file in repository.files]
        self._json(
            {
                "id": name,
                "sha": repository.commit,
                "private": repository.private,
                "gated": "auto" if repository.gated else False,
                "tags": repository.tags,
                "siblings": siblings,
            }
        )

    def _search(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        found = [
            {
                "id": name,
                "downloads": repository.downloads,
                "gated": "auto" if repository.gated else False,
                "tags": repository.tags,
                "safetensors": {"parameters": {"BF16": 7}, "total": 7},
            }
            for name, repository in self.hub.repositories.items()
            if asked["search"][0].lower() in name.lower()
        ]
        self._json(sorted(found, key=lambda model: -int(model["downloads"])))  # type: ignore[call-overload]

    def _resolve(self, name: str, revision: str, file: str) -> None:
        repository = self._readable(name)
        if repository is None:
            return
        if repository.gated and self._token != READER:
            if self._token:
                message = f"Access to model {name} is restricted and you are not in the list."
                self._refuse(403, "GatedRepo", message)
            else:
                self._refuse(401, "GatedRepo", f"Access to model {name} is restricted.")
            return
        if is_large(file):
            self.send_response(302)
            self.send_header("Location", f"{self.hub.storage_url}/storage/{name}/{file}")
            self.send_header("X-Repo-Commit", repository.commit)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._content(file, repository.files[file])

    def _content(self, file: str, content: bytes) -> None:
        if self.hub.refusals.get(file):
            self._json({}, self.hub.refusals[file].pop(0))
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and not self.hub.ignores_ranges else 0
        if start >= len(content) and start:
            self._json({}, 416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cuts = self.hub.cuts.get(file)
        rest = content[start:]
        if file in self.hub.held:
            rest = self._hold(rest, self.hub.held[file])
        if cuts:
            self.wfile.write(rest[: cuts.pop(0)])
            self.close_connection = True
            return
        with contextlib.suppress(ConnectionError):
            self.wfile.write(rest)

    def _hold(self, content: bytes, event: threading.Event) -> bytes:
        half = len(content) // 2
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content[:half])
            while not event.wait(0.02):
                self.wfile.write(content[half : half + 1])
                half += 1
        return content[half:]

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        answer = {"url": f"{self.hub.url}/{name}", "id": name, "name": name}
        if name in self.hub.repositories:
            self._json(answer | {"error": "You already created this model repo"}, 409)
            return
        private = asked.get("visibility") == "private" or asked.get("private") is True
        self.hub.repositories[name] = Repository({}, private=private)
        self._json(answer)

    def _preupload(self, name: str, asked: dict[str, Any]) -> None:
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if is_large(file["path"]) else "regular",
                "shouldIgnore": False,
            }
            for file in asked["files"]
        ]
        self._json({"files": files})

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = [
            {
                "oid": wanted["oid"],
                "size": wanted["size"],
                "actions": {
                    "upload": {"href": f"{self.hub.storage_url}/upload/{wanted['oid']}"},
                    "verify": {"href": f"{self.hub.url}/verify/{wanted['oid']}"},
                },
            }
            for wanted in asked["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, name: str, body: bytes) -> None:
        repository = self.hub.repositories[name]
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                repository.files[value["path"]] = self.hub.uploaded[value["oid"]]
        url = f"{self.hub.url}/{name}/commit/{repository.commit}"
        self._json({"commitUrl": url, "commitOid": repository.commit})
