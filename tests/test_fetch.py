"""Fetching a corpus from a server with the hub's layout: resumed, checked, and on the corpus's terms."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wildvalues import ingest
from wildvalues.errors import InputError
from wildvalues.params import Ingest, Params
from wildvalues.tools.corpora import corpora, corpus
from wildvalues.tools.download import client, declared, download
from wildvalues.tools.fetch import command

PAIR = {"chosen": "\n\nHuman: Is it fair?\n\nAssistant: It depends.", "rejected": "\n\nHuman: x\n\nAssistant: y"}


@dataclass
class Hub:
    """A hub on loopback: large files answer with a redirect that declares their hash, as Git LFS files do."""

    files: dict[str, bytes] = field(default_factory=dict)
    declared_sha256: dict[str, str] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)
    cut_after: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ignores_ranges: bool = False
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    url: str = ""

    def add(self, path: str, content: bytes, sha256: str | None = None) -> str:
        self.files[path] = content
        self.declared_sha256[path] = sha256 or hashlib.sha256(content).hexdigest()
        return f"{self.url}/{path}"

    def ranges(self) -> list[str | None]:
        """Return the ranges asked for of the content itself."""
        return [span for method, path, span in self.asked if method == "GET" and path.startswith("/blob/")]


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        hub = self.hub
        hub.asked.append((self.command, self.path, self.headers.get("range")))
        hub.tokens.add(self.headers.get("authorization"))
        if hub.statuses:
            self._send(hub.statuses.pop(0))
            return
        path = self.path.removeprefix("/blob").removeprefix("/")
        content = hub.files.get(path)
        if content is None:
            self._send(404)
        elif path in hub.plain:
            git = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            self._content(content, {"etag": f'"{git}"'}, body=body)
        elif self.path.startswith("/blob/"):
            self._content(content, {"etag": '"not-a-hash"'}, body=body)
        else:
            self._send(
                302,
                {
                    "location": f"/blob/{path}",
                    "x-linked-etag": f'"{hub.declared_sha256[path]}"',
                    "x-linked-size": str(len(content)),
                },
            )

    def _content(self, content: bytes, headers: dict[str, str], *, body: bool) -> None:
        span = self.headers.get("range")
        start = int(span.removeprefix("bytes=").rstrip("-")) if span and not self.hub.ignores_ranges else 0
        if start >= len(content) > 0:
            self._send(416)
            return
        rest = content[start:]
        self._send(206 if start else 200, headers | {"content-length": str(len(rest))})
        if body:
            cut = self.hub.cut_after.pop(0) if self.hub.cut_after else len(rest)
            self.wfile.write(rest[:cut])
            self.close_connection = cut < len(rest)

    def _send(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in ({"content-length": "0"} | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


CONTENT = bytes(range(256)) * 4000


def have(url: str, target: Path, sha256: str | None = None) -> bool:
    with client() as http:
        return download(http, url, target, sha256=sha256, pause=lambda _: None)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_through_the_redirect_and_checked(hub: Hub, tmp_path: Path) -> None:
    assert have(hub.add("big.bin", CONTENT), tmp_path / "sub" / "big.bin")
    assert (tmp_path / "sub" / "big.bin").read_bytes() == CONTENT
    assert names(tmp_path / "sub") == ["big.bin"]


def test_what_the_hub_declares_is_read_from_the_redirect(hub: Hub) -> None:
    url = hub.add("big.bin", CONTENT)
    with client() as http:
        said = declared(http, url)
    assert (said.size, said.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def test_a_dropped_connection_goes_on_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    hub.cut_after = [300_000, 200_000]
    have(hub.add("big.bin", CONTENT), tmp_path / "big.bin")
    assert (tmp_path / "big.bin").read_bytes() == CONTENT
    assert hub.ranges() == [None, "bytes=300000-", "bytes=500000-"]


def test_a_later_run_goes_on_from_what_an_earlier_one_left(hub: Hub, tmp_path: Path) -> None:
    hub.cut_after = [300_000] + [0] * 6
    url = hub.add("big.bin", CONTENT)
    with pytest.raises(InputError, match="6 times in a row; run the same command again to go on"):
        have(url, tmp_path / "big.bin")
    assert not (tmp_path / "big.bin").exists()
    have(url, tmp_path / "big.bin")
    assert (tmp_path / "big.bin").read_bytes() == CONTENT
    assert hub.ranges()[-1] == "bytes=300000-"


def test_a_server_that_ignores_ranges_is_read_from_the_beginning(hub: Hub, tmp_path: Path) -> None:
    hub.ignores_ranges = True
    hub.cut_after = [1000]
    have(hub.add("big.bin", CONTENT), tmp_path / "big.bin")
    assert (tmp_path / "big.bin").read_bytes() == CONTENT


def test_a_whole_partial_file_is_taken_without_reading_again(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / ".big.bin.partial").write_bytes(CONTENT)
    have(hub.add("big.bin", CONTENT), tmp_path / "big.bin")
    assert names(tmp_path) == ["big.bin"]
    assert hub.ranges() == []


def test_a_file_that_is_there_and_right_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    url = hub.add("big.bin", CONTENT)
    assert have(url, tmp_path / "big.bin")
    asked = len(hub.ranges())
    assert not have(url, tmp_path / "big.bin")
    assert len(hub.ranges()) == asked


def test_a_file_that_is_there_and_wrong_is_replaced(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "big.bin").write_bytes(b"something else")
    assert have(hub.add("big.bin", CONTENT), tmp_path / "big.bin")
    assert (tmp_path / "big.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("who", ["server", "registry"])
def test_a_wrong_checksum_leaves_nothing_behind(hub: Hub, tmp_path: Path, who: str) -> None:
    wrong = "0" * 64
    url = hub.add("big.bin", CONTENT, sha256=wrong if who == "server" else None)
    with pytest.raises(InputError, match=f"its sha256 is {hashlib.sha256(CONTENT).hexdigest()} where {wrong} belongs"):
        have(url, tmp_path / "big.bin", sha256=wrong if who == "registry" else None)
    assert names(tmp_path) == []


def test_a_small_file_is_checked_by_its_git_id(hub: Hub, tmp_path: Path) -> None:
    hub.plain = {"small.txt"}
    url = hub.add("small.txt", b"hello")
    have(url, tmp_path / "small.txt")
    with client() as http:
        said = declared(http, url)
    # `git hash-object` of the five bytes "hello".
    assert said.git_sha1 == "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"
    (tmp_path / "small.txt").write_bytes(b"hullo")
    assert have(url, tmp_path / "small.txt")


@pytest.mark.parametrize(
    ("status", "says"), [(404, "no such file"), (401, "set HF_TOKEN"), (403, "accept the corpus's terms"), (410, "410")]
)
def test_a_refusal_is_one_sentence_with_the_address(hub: Hub, tmp_path: Path, status: int, says: str) -> None:
    hub.statuses = [status]
    url = hub.add("big.bin", CONTENT)
    with pytest.raises(InputError, match=says) as caught:
        have(url, tmp_path / "big.bin")
    assert str(caught.value).startswith(url)
    assert "\n" not in str(caught.value)


def test_a_busy_server_is_asked_again(hub: Hub, tmp_path: Path) -> None:
    hub.statuses = [503, 429]
    assert have(hub.add("big.bin", CONTENT), tmp_path / "big.bin")


def test_waits_grow_and_end(hub: Hub, tmp_path: Path) -> None:
    hub.statuses = [503] * 6
    waits: list[float] = []
    with client() as http, pytest.raises(InputError, match="cannot be reached"):
        download(http, hub.add("big.bin", CONTENT), tmp_path / "big.bin", sha256=None, pause=waits.append)
    assert waits == [1, 2, 4, 8, 16]


# --- the command ------------------------------------------------------------------------------------------


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_without_a_name_the_corpora_are_listed() -> None:
    shown = invoke().output
    assert all(name in shown and entry.licence in shown for name, entry in corpora().items())


def test_an_unknown_corpus_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"did you mean WildChat-1M\?"):
        corpus("wildchat")


def test_wildchat_shows_its_terms_and_waits_for_consent(hub: Hub, tmp_path: Path) -> None:
    refused = invoke("wildchat-1m", "--to", str(tmp_path), "--base-url", hub.url)
    assert "Open Data Commons Attribution License" in refused.output
    assert "--accept-licence" in str(refused.exception)
    assert hub.asked == []
    assert names(tmp_path) == []
    for file in corpora()["WildChat-1M"].files:
        hub.add(f"datasets/allenai/WildChat-1M/resolve/main/{file.path}", b"PAR1")
    agreed = invoke(
        "wildchat-1m", "--to", str(tmp_path), "--base-url", hub.url, "--accept-licence", "--files", "*-0000?-*"
    )
    assert agreed.exit_code == 0, agreed.exception
    assert len(list((tmp_path / "WildChat-1M" / "data").iterdir())) == 10


def test_hh_rlhf_arrives_as_a_folder_that_ingest_reads(hub: Hub, tmp_path: Path) -> None:
    for number, file in enumerate(corpora()["hh-rlhf"].files):
        pair = {**PAIR, "chosen": f"{PAIR['chosen']} {number}"}
        hub.add(f"datasets/Anthropic/hh-rlhf/resolve/main/{file.path}", gzip.compress(json.dumps(pair).encode()))
    done = invoke("hh-rlhf", "--to", str(tmp_path), "--base-url", f"{hub.url}/")
    assert done.exit_code == 0, done.exception
    assert str(tmp_path / "hh-rlhf") in done.output
    ingest.run(
        Params(ingest=Ingest(max_rejected_share=0)),
        input=tmp_path / "hh-rlhf",
        conversations=tmp_path / "c",
        rejects=tmp_path / "r",
        metrics=tmp_path / "m",
    )
    assert json.loads((tmp_path / "m").read_text())["conversations"] == len(corpora()["hh-rlhf"].files)


def test_the_hubs_token_is_not_given_to_a_mirror(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    invoke("hh-rlhf", "--to", str(tmp_path), "--base-url", hub.url)
    assert hub.tokens == {None}
