"""What others find in the images: pip, dpkg, and a scanner, each against the image's own bill of materials."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from careen.build.sbom import MEDIA_TYPE
from careen.oci.layout import Layout
from real.build.test_native_images import tool
from real.conftest import ShelfImages

pytestmark = [pytest.mark.real, pytest.mark.network]

NAMES = ("docker_api", "docker_worker-heavy")
_INSIDE = """
import importlib.metadata, json
found = {item.name: [item.version, item.requires or []] for item in importlib.metadata.distributions()}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def roots(shelf_images: ShelfImages, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    umoci = tool("umoci", "umoci")
    if os.geteuid() != 0:
        pytest.skip("unpacking with owners needs root")
    folder = tmp_path_factory.mktemp("roots")
    for name in NAMES:
        words = [umoci, "unpack", "--image", f"{shelf_images.layout}:{name}", str(folder / name)]
        subprocess.run(words, check=True, capture_output=True)
    return {name: folder / name for name in NAMES}


def billed(images: ShelfImages, name: str) -> dict[str, dict[str, str]]:
    """Versions by name, by kind of package."""
    layout = Layout.open(images.layout)
    data = layout.attachment(layout.image(name), MEDIA_TYPE)
    assert data is not None
    found: dict[str, dict[str, str]] = {"pypi": {}, "deb": {}}
    for component in json.loads(data)["components"]:
        kind = component.get("purl", "").removeprefix("pkg:").partition("/")[0]
        if kind in found:
            found[kind][component["name"]] = component["version"]
    return found


def inside(bundle: Path, *arguments: str, mounts: dict[Path, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Python in a container of the image, as its user; ``mounts`` are folders of this machine, to read."""
    config = json.loads((bundle / "config.json").read_bytes())
    config["process"]["terminal"] = False
    config["process"]["args"] = ["/usr/bin/python3.11", *arguments]
    config["root"]["readonly"] = True
    config["mounts"] = [
        mount for mount in config["mounts"] if not mount["destination"].startswith(("/tmp", "/opt/pip"))
    ]
    config["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})
    for source, place in (mounts or {}).items():
        (bundle / "rootfs" / place.strip("/")).mkdir(parents=True, exist_ok=True)
        options = ["rbind", "ro"]
        config["mounts"].append({"destination": place, "type": "bind", "source": str(source), "options": options})
    config["linux"]["namespaces"] = [item for item in config["linux"]["namespaces"] if item["type"] != "user"]
    config["linux"].pop("resources", None)
    (bundle / "config.json").write_text(json.dumps(config))
    words = [tool("runc", "runc"), "--root", bundle / "state", "run", "--bundle", bundle, f"careen-{os.getpid()}"]
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, timeout=120)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", NAMES)
def test_metadata_inside_is_that_of_the_bill(shelf_images: ShelfImages, roots: dict[str, Path], name: str) -> None:
    done = inside(roots[name], "-c", _INSIDE)
    assert done.returncode == 0, done.stderr
    told = {normal(found): version for found, (version, _) in json.loads(done.stdout).items()}
    assert told == billed(shelf_images, name)["pypi"]
    assert any(requires for _, requires in json.loads(done.stdout).values())


@pytest.mark.parametrize("name", NAMES)
def test_pip_finds_no_requirement_that_is_not_met(roots: dict[str, Path], name: str, tmp_path: Path) -> None:
    """pip is of this machine, and only looks on."""
    pip = pytest.importorskip("pip", reason="pip is not beside this interpreter")
    tree = tmp_path / "pip"
    shutil.copytree(Path(pip.__file__).parent, tree / "pip", ignore=shutil.ignore_patterns("__pycache__"))
    code = "import sys; sys.path.append('/opt/pip'); import pip._internal.cli.main as m; sys.exit(m.main(['check']))"
    done = inside(roots[name], "-B", "-c", code, mounts={tree: "/opt/pip"})
    assert (done.returncode, done.stdout.strip()) == (0, "No broken requirements found."), done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_dpkg_reads_the_status_and_every_file_is_as_the_sums_say(
    shelf_images: ShelfImages, roots: dict[str, Path], name: str, tmp_path: Path
) -> None:
    """dpkg itself wants one file; what is in ``status.d`` is what scanners of distroless images read."""
    query = tool("dpkg-query", "dpkg")
    root = roots[name] / "rootfs"
    entries = [path for path in (root / "var/lib/dpkg/status.d").iterdir() if path.suffix != ".md5sums"]
    (tmp_path / "info").mkdir()
    (tmp_path / "updates").mkdir()
    status = [entry.read_text().strip() for entry in sorted(entries)]
    whole = [text if "\nStatus: " in text else f"{text}\nStatus: install ok installed" for text in status]
    (tmp_path / "status").write_text("\n\n".join(whole) + "\n")
    done = subprocess.run(
        [query, f"--admindir={tmp_path}", "--show", "--showformat", "${Package} ${Version}\n"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert dict(line.split() for line in done.stdout.splitlines()) == billed(shelf_images, name)["deb"]
    for sums in (root / "var/lib/dpkg/status.d").glob("*.md5sums"):
        checked = subprocess.run(
            ["md5sum", "--check", "--quiet", "--strict", sums], cwd=root, capture_output=True, text=True, check=False
        )
        if sums.stat().st_size:
            assert checked.returncode == 0, f"{sums.name}: {checked.stdout}{checked.stderr}"


def test_a_scanner_finds_what_the_bill_names(shelf_images: ShelfImages, roots: dict[str, Path], tmp_path: Path) -> None:
    scancode = shutil.which("scancode")
    if scancode is None:
        pytest.skip("scancode is not on this machine (pip install scancode-toolkit-mini)")
    only = ("*/status.d/*", "*os-release", "*.dist-info/*")
    words: list[str | Path] = [
        scancode,
        "--system-package",
        "--package",
        "--quiet",
        "-n",
        "1",
        "--json-pp",
        tmp_path / "scan.json",
    ]
    words += [word for pattern in only for word in ("--include", pattern)]
    subprocess.run([*words, roots["docker_api"] / "rootfs"], check=True, capture_output=True, timeout=600)
    found: dict[str, dict[str, str]] = {"pypi": {}, "deb": {}}
    for package in json.loads((tmp_path / "scan.json").read_text())["packages"]:
        found[package["type"]][package["name"]] = package["version"]
    bill = billed(shelf_images, "docker_api")
    assert found["deb"] == bill["deb"]
    assert {normal(name): version for name, version in found["pypi"].items()} == bill["pypi"]
