"""``careen size`` as a user meets it: wherever the image is, in every format."""

import gzip
import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from careen.oci.archive_writer import write_docker_archive, write_layout_archive
from careen.oci.layout import Layout, LayoutWriter
from careen.oci.reference import ImageReference
from fakes.images import Item, layout_of, put_image, tar
from fakes.registry import FakeRegistry

SITE = "usr/lib/python3.11/site-packages"
LAYER = [
    Item(f"{SITE}/numpy.py", b"n" * 5000),
    Item(f"{SITE}/numpy-2.4.dist-info/RECORD", b"numpy.py,,\n"),
    Item("app/main.py", b"m" * 100),
]
AGAIN = [Item(item.path, item.data, owner=1000) for item in LAYER]
TOTAL = 2 * (5000 + 11 + 100)


def careen(*arguments: str, path: str = "/nowhere", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """``path`` is where programs are looked for, so that no docker of this machine answers."""
    cache = cwd or Path(arguments[-1]).parent
    return subprocess.run(
        [sys.executable, "-m", "careen", "size", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={"PATH": path, "NO_COLOR": "1", "CAREEN_CACHE": str(cache / "cache"), "LANG": "C.UTF-8"},
        timeout=60,
    )


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return layout_of(tmp_path / "image", LAYER, AGAIN)


def total(done: subprocess.CompletedProcess[str]) -> int:
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["bytes"]
    assert isinstance(found, int)
    return found


def test_layout_by_folder_and_by_name(layout: Layout, tmp_path: Path) -> None:
    assert total(careen("--format", "json", "image", cwd=tmp_path)) == TOTAL
    assert total(careen("--format", "json", "image:web", cwd=tmp_path)) == TOTAL


def test_layout_without_the_name_says_what_it_has(layout: Layout, tmp_path: Path) -> None:
    done = careen("image:wbe", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: image holds no image wbe\n\nhint: it holds web\n"


def test_layout_of_several_asks_which(tmp_path: Path) -> None:
    with LayoutWriter(tmp_path / "image") as writer:
        images = {name: put_image(writer, [tar([Item(name, b"x")])]) for name in ("api", "worker")}
        writer.finish(images)

    done = careen("image", cwd=tmp_path)

    assert done.returncode == 2
    assert "error: image holds 2 images\n\nhint: name one of them, as in image:api: api, worker" in done.stderr


def test_archives_of_docker_and_of_the_image_spec_packed_or_not(layout: Layout, tmp_path: Path) -> None:
    write_docker_archive(layout, {ImageReference.parse("web:1"): layout.image()}, tmp_path / "docker.tar")
    write_layout_archive(layout, {"web": layout.image()}, tmp_path / "oci.tar")
    (tmp_path / "docker.tar.gz").write_bytes(gzip.compress((tmp_path / "docker.tar").read_bytes()))

    for name in ("docker.tar", "docker.tar:web:1", "oci.tar", "oci.tar:web", "docker.tar.gz"):
        assert total(careen("--format", "json", name, cwd=tmp_path)) == TOTAL
    assert list((tmp_path / "cache/scratch").iterdir()) == []


def test_file_that_is_no_archive_is_named_by_the_user_s_name(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(b"nothing"))

    done = careen("x.tar.gz", cwd=tmp_path)

    assert done.returncode == 2
    assert "error: x.tar.gz is no image archive" in done.stderr
    assert "/proc" not in done.stderr


def daemon(folder: Path, program: str, archive: Path) -> Path:
    """A program that answers ``image inspect`` and ``image save`` for one image, called web, as docker does."""
    script = folder / program
    script.write_text(
        "#!/bin/sh\n"
        'for last; do :; done; case "$2" in\n'
        f'inspect) [ "$last" = web ] && echo 10222 || {{ echo "No such image: $last" >&2; exit 1; }} ;;\n'
        f'save) exec /bin/cat "{archive}" ;;\n'
        "esac\n"
    )
    script.chmod(0o755)
    return folder


@pytest.mark.parametrize(("program", "image"), [("docker", "docker://web"), ("docker", "web"), ("podman", "web")])
def test_image_that_a_daemon_has(program: str, image: str, layout: Layout, tmp_path: Path) -> None:
    archive = tmp_path / "saved.tar"
    write_docker_archive(layout, {ImageReference.parse("web"): layout.image()}, archive)
    programs = daemon(tmp_path, program, archive)

    assert total(careen("--format", "json", image, path=str(programs), cwd=tmp_path)) == TOTAL
    assert list((tmp_path / "cache/scratch").iterdir()) == []


@pytest.mark.parametrize("scheme", ["registry://", ""])
def test_image_that_a_registry_has(scheme: str, layout: Layout, tmp_path: Path) -> None:
    registry = FakeRegistry()
    descriptor = layout.image()
    manifest = layout.manifest(descriptor)
    document = (descriptor.media_type, manifest.render())
    registry.manifests["shop/web"] = {"1": document, str(descriptor.digest): document}
    registry.blobs["shop/web"] = {
        str(blob.digest): layout.blob_path(blob.digest).read_bytes() for blob in (manifest.config, *manifest.layers)
    }
    with registry.running():
        done = careen("--format", "json", f"{scheme}{registry.host}/shop/web:1", cwd=tmp_path)

    assert total(done) == TOTAL
    assert json.loads(done.stdout)["compressed_bytes"] == sum(layer.size for layer in manifest.layers)


def test_image_that_nobody_has_tells_who_was_asked(layout: Layout, tmp_path: Path) -> None:
    programs = daemon(tmp_path, "docker", tmp_path)

    done = careen("wbe", path=str(programs), cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith("error: nothing has an image wbe: no file or folder, no daemon, no registry\n\n")
    hints = [line.removeprefix("hint: ") for line in done.stderr.splitlines() if line.startswith("hint: ")]
    assert [hint.partition(":")[0] for hint in hints] == ["docker", "podman", "registry"]
    assert "No such image: wbe" in hints[0]
    assert "podman is not on this machine" in hints[1]


def test_path_that_is_not_there_is_no_image(tmp_path: Path) -> None:
    done = careen("./gone.tar", cwd=tmp_path)

    assert done.returncode == 2
    assert "error: there is no file or folder ./gone.tar, and it is no image's name" in done.stderr


def test_json_is_the_same_from_any_folder_and_sorted(layout: Layout, tmp_path: Path) -> None:
    one, other = (
        careen("--format", "json", str(layout.folder), cwd=tmp_path),
        careen("--format", "json", "image", cwd=tmp_path),
    )

    assert one.stdout == other.stdout
    assert str(tmp_path) not in one.stdout
    document = json.loads(one.stdout)
    assert document["schema"] == "careen.size/1"
    assert list(document) == sorted(document)
    assert document["waste"][0]["kind"] == "stored again for another owner"
    assert document["packages"][0] == {
        "ecosystem": "python",
        "name": "numpy",
        "version": "2.4",
        "bytes": 5000,
        "bytecode_bytes": 0,
        "hidden_bytes": 5000,
        "files": 1,
        "layers": [1, 2],
    }


def test_terminal_says_what_weighs_and_who_wasted_it(layout: Layout, tmp_path: Path) -> None:
    done = careen("--quiet", "image", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert head.startswith("image  10.2 kB in 2 layers, ")
    assert "5.11 kB no longer visible, 5.11 kB wasted (50 %)" in head
    assert any(line.startswith("numpy 2.4") for line in lines)
    assert "stored again for another owner" in done.stdout


def test_difference_in_every_format(layout: Layout, tmp_path: Path) -> None:
    layout_of(tmp_path / "lean", LAYER[:2])

    terminal = careen("diff", "image", "lean", cwd=tmp_path)
    document = json.loads(careen("--format", "json", "--against", "image", "lean", cwd=tmp_path).stdout)
    markdown = careen("--format", "markdown", "diff", "image", "lean", cwd=tmp_path)

    assert "image to lean  10.2 kB to 5.01 kB: -5.21 kB (-51 %)" in terminal.stdout
    assert document["schema"] == "careen.size-difference/1"
    assert document["grown_bytes"] == -(TOTAL - 5011) == sum(change["grown_bytes"] for change in document["changes"])
    assert "| `application` | cause | 100 B |  | -100 B |" in markdown.stdout
    assert markdown.stdout.startswith("<!-- FILE_MAP_BEGIN")


def test_markdown_has_layers_packages_and_waste(layout: Layout, tmp_path: Path) -> None:
    done = careen("--format", "markdown", "image", cwd=tmp_path)

    assert "| `numpy 2.4` | python | 5.00 kB | 48.9 % |  |" in done.stdout
    assert "\n## Waste\n" in done.stdout


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.titles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "title":
            self.titles.append(data)


def test_page_draws_what_is_hidden_apart(layout: Layout, tmp_path: Path) -> None:
    layout_of(tmp_path / "lean", LAYER)
    for arguments, maps in ((["image"], 1), (["diff", "image", "lean"], 3)):
        done = careen("--html", "page.html", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        page = _Page()
        page.feed((tmp_path / "page.html").read_text())
        assert page.tags.count("svg") == maps
        assert "script" not in page.tags
        assert "numpy 2.4: 5.00 kB; replaced or deleted by a higher layer" in page.titles
        assert "numpy 2.4: 5.00 kB; 1 file" in page.titles
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".new")]  # noqa: PTH208 - hidden ones too


@pytest.mark.parametrize("arguments", [["diff", "a"], ["a", "b"], ["diff", "a", "b", "--against", "c"]])
def test_wrong_number_of_images_is_a_usage_error(arguments: list[str], tmp_path: Path) -> None:
    done = careen(*arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert "hint: " in done.stderr


def test_page_that_cannot_be_written_is_named(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")

    done = careen("--html", "taken/page.html", "image", cwd=tmp_path)

    assert done.returncode == 2
    assert "error: taken/page.html cannot be written: " in done.stderr
