"""What careen says is sent is what BuildKit sends: ``FROM scratch`` and ``COPY . /``, with tricky ignore files."""

import io
import json
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from careen.ignorefile.context import measure
from careen.ignorefile.patterns import parse_ignorefile
from careen.text.problems import SyntaxProblem
from careen.text.source import Source
from real.conftest import DockerDaemon

pytestmark = pytest.mark.real

FILES = (
    "README.md", "app/main.py", "app/sub/deep/x.py", "app/sub/y.pyc", "app/__pycache__/a.pyc", "a.pyc", "b.tmp",
    "docs/README.md", "docs/guide.md", "docs/api/index.md", "logs/today.log", "logs/old/last.log", "temp/x", "tempa/y",
    "sub/temp/z", "sub/.env", ".env", ".git/config", "sub/.git/HEAD", "we[ir]d/f", "star*/f", "q?/f", "back\\slash",
    "space name/f g", "dot.file", "..odd/f", "#hash/f", "!bang/f", "node_modules/m/index.js",
    "web/node_modules/n/index.js", "UPPER/f", "upper/g", "é/ü", "x/y/z/w/v", "keep/me/please", "keep/not/this",
)  # fmt: skip

IGNORES = (
    "",
    "*\n!app\n",
    "*\n!app/sub\n!docs/*.md\n",
    "**/*.pyc\n**/__pycache__\n",
    "*.pyc\n*.tmp\n",
    "docs\n!docs/README.md\n",
    "docs/*\n!docs/README.md\n!docs/api\n",
    "**\n!keep/me\n",
    "keep\n!keep/me/**\n",
    "temp?\n*/temp*\n",
    "**/temp\n",
    "/app/\n./docs\n",
    "app/../docs\n",
    "*/*\n!*/*.md\n",
    "*/*/*\n",
    "[a-c]*\n",
    "[^a-m]*\n",
    "we\\[ir\\]d\n",
    "star\\*\nq\\?\n",
    "# comment\n\\#hash\n  .env  \n\n",
    "!bang\n",
    "\\!bang\n",
    "**/node_modules\n!web/node_modules\n",
    "node_modules\n",
    "x/**/v\n",
    "x/**\n!x/y/z/w\n",
    "**/w\n",
    "x/y/z/w/v/../v\n",
    ".*\n",
    "**/.*\n",
    "upper\n",
    "é\n",
    "space name\n",
    "..odd\n",
    "../app\n",
    ".\n",
    "/\n",
    "app/**/*.py\n",
    "**/sub/**\n",
    "**sub\n",
    "a**/main.py\n",
    "*\n!.env\n!app/main.py\ndocs\n!docs/api/index.md\n",
    "\ufeffdocs\n",
    "docs\r\napp\r\n",
    "**/*.md\n!README*.md\ndocs/README.md\n",
)

LATER = ("**\n!**/*.md\n", "**/.git\n!**/.git/HEAD\n", "*\n!*.md\n!**/z\n")
"""Docker before 23 does not look into a folder that is left out for what a wildcard takes in again."""
REFUSED = ("we[[]ir[]]d\n", "[\n", "!\n", "a[]b\n", "[a-]\n", "a\\\n")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for name in FILES:
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name)
    (root / "link").symlink_to("app/main.py")
    (root / "folderlink").symlink_to("app")
    (root / "docs" / "dangling").symlink_to("nowhere")
    return root


def _sent_by_docker(docker: DockerDaemon, tree: Path, dockerfile: Path) -> set[str]:
    image = docker.run("build", "--quiet", "-f", str(dockerfile), str(tree)).splitlines()[-1]
    archive = tree.parent / f"{tree.name}.tar"
    docker.run("save", "-o", str(archive), image)
    docker.run("rmi", "-f", image, check=False)
    found: set[str] = set()
    with tarfile.open(archive) as outer:
        manifest = json.load(_member(outer, "manifest.json"))
        for layer in manifest[0]["Layers"]:
            with tarfile.open(fileobj=_member(outer, layer)) as inner:
                found.update(str(PurePosixPath(member.name)) for member in inner if not member.isdir())
    archive.unlink()
    return found


def _member(archive: tarfile.TarFile, name: str) -> io.BytesIO:
    stream = archive.extractfile(name)
    assert stream is not None
    return io.BytesIO(stream.read())


def _compare(docker: DockerDaemon, tree: Path, place: Path, text: str) -> None:
    dockerfile = place / "Dockerfile"
    dockerfile.write_text("FROM scratch\nCOPY . /\n")
    (tree / ".dockerignore").write_bytes(text.encode())

    said = {file.path for file in measure(tree, parse_ignorefile(Source(PurePosixPath(".dockerignore"), text))).sent}

    assert said
    assert said == _sent_by_docker(docker, tree, dockerfile)


@pytest.mark.parametrize("text", IGNORES, ids=range(len(IGNORES)))
def test_the_very_files(docker: DockerDaemon, tree: Path, tmp_path: Path, text: str) -> None:
    _compare(docker, tree, tmp_path, text)


@pytest.mark.parametrize("text", LATER, ids=range(len(LATER)))
def test_the_very_files_of_a_later_docker(docker: DockerDaemon, tree: Path, tmp_path: Path, text: str) -> None:
    version = docker.run("version", "--format", "{{.Server.Version}}")
    if int(version.partition(".")[0]) < 23:
        pytest.skip(f"docker {version} is older than 23, which first looks into such folders")
    _compare(docker, tree, tmp_path, text)


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_docker_refuses_is_refused(docker: DockerDaemon, tree: Path, tmp_path: Path, text: str) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM scratch\nCOPY . /\n")
    (tree / ".dockerignore").write_text(text)

    with pytest.raises(SyntaxProblem):
        parse_ignorefile(Source(PurePosixPath(".dockerignore"), text))
    assert docker.run("build", "--quiet", "-f", str(dockerfile), str(tree), check=False) == ""
