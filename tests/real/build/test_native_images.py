"""Other tools take the images, and Python inside them is content."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from careen.oci.layout import Layout
from real.conftest import ShelfImages, run_careen

pytestmark = [pytest.mark.real, pytest.mark.network]

_VERIFY = """
import base64, hashlib, importlib.metadata, os
bad, count, listed = [], 0, set()
for distribution in importlib.metadata.distributions():
    for file in distribution.files or ():
        place = os.path.normpath(file.locate())
        listed.add(place)
        count += 1
        data = open(place, "rb").read()
        if file.hash is not None:
            digest = base64.urlsafe_b64encode(hashlib.new(file.hash.mode, data).digest()).rstrip(b"=").decode()
            if (digest, len(data)) != (file.hash.value, file.size):
                bad.append(place)
for folder, _, names in os.walk("/usr/local"):
    bad += [os.path.join(folder, name) for name in names if os.path.join(folder, name) not in listed]
assert not bad, bad
print(count)
"""


def tool(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not on this machine (apt-get install {package})")
    return found


def names(images: ShelfImages) -> list[str]:
    return sorted(Layout.open(images.layout).images())


@pytest.fixture(scope="module")
def bundles(shelf_images: ShelfImages, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    umoci = tool("umoci", "umoci")
    if os.geteuid() != 0:
        pytest.skip("unpacking with owners needs root")
    folder = tmp_path_factory.mktemp("bundles")
    found = {}
    for name in names(shelf_images):
        found[name] = folder / name
        words = [umoci, "unpack", "--image", f"{shelf_images.layout}:{name}", str(found[name])]
        subprocess.run(words, check=True, capture_output=True)
    return found


def run_inside(bundle: Path, program: str) -> str:
    """What Python prints in a container of the image, as the image's user, with nothing writable but /tmp."""
    runc = tool("runc", "runc")
    config = json.loads((bundle / "config.json").read_bytes())
    config["process"]["terminal"] = False
    config["process"]["args"] = ["/usr/bin/python3.11", "-c", program]
    config["root"]["readonly"] = True
    config["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})
    config["linux"]["namespaces"] = [item for item in config["linux"]["namespaces"] if item["type"] != "user"]
    config["linux"].pop("resources", None)
    (bundle / "config.json").write_text(json.dumps(config))
    words = [runc, "--root", str(bundle / "state"), "run", "--bundle", str(bundle), f"careen-{os.getpid()}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_skopeo_reads_every_image(shelf_images: ShelfImages) -> None:
    skopeo = tool("skopeo", "skopeo")
    for name in names(shelf_images):
        words = [skopeo, "inspect", "--config", f"oci:{shelf_images.layout}:{name}"]
        config = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
        assert config["config"]["User"] == "10001:10001"
        assert len(config["history"]) == len(config["rootfs"]["diff_ids"])


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("docker_api", "import ssl, fastapi, uvicorn, pydantic_core, celery, redis, shelf.api.main; print('well')"),
        (
            "docker_worker-default",
            "import celery, kombu.transport.redis, billiard, shelf.worker.default; print('well')",
        ),
        ("docker_worker-heavy", "import cv2, numpy, onnxruntime, rapidocr_onnxruntime; print('well')"),
        ("docker_worker-io", "import httpx, ssl, shelf.worker.io; ssl.create_default_context(); print('well')"),
        ("docker_flower", "import flower.command, tornado, celery; print('well')"),
    ],
)
def test_what_a_service_needs_is_imported_inside(bundles: dict[str, Path], name: str, program: str) -> None:
    assert run_inside(bundles[name], program).endswith("well\n")


def test_every_record_is_true_and_complete_inside(bundles: dict[str, Path]) -> None:
    for bundle in bundles.values():
        assert int(run_inside(bundle, _VERIFY)) > 500


def test_modules_are_loaded_from_the_images_bytecode(bundles: dict[str, Path]) -> None:
    program = """
import sys, celery.bin.celery, json, asyncio
loaded = [module for module in list(sys.modules.values()) if getattr(module, "__cached__", None)]
missing = [module.__name__ for module in loaded if not __import__("os").path.exists(module.__cached__)]
print(len(loaded), len(missing), missing)
"""
    loaded, missing, *_ = run_inside(bundles["docker_worker-default"], program).split()
    assert int(loaded) > 300
    assert int(missing) <= int(loaded) // 25


def test_images_for_another_processor_are_built_by_tags_alone(shelf: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done = run_careen("build", shelf, "--output", output, "--platform", "linux/arm64", "--quiet")
    assert done.returncode == 0, done.stderr
    index = json.loads((output / "index.json").read_bytes())
    for entry in (entry for entry in index["manifests"] if "artifactType" not in entry):
        manifest = json.loads((output / "blobs/sha256" / entry["digest"].partition(":")[2]).read_bytes())
        config = output / "blobs/sha256" / manifest["config"]["digest"].partition(":")[2]
        assert json.loads(config.read_bytes())["architecture"] == "arm64"


def test_a_second_build_gives_the_same_digests(shelf_images: ShelfImages, tmp_path: Path) -> None:
    done = run_careen("build", shelf_images.project, "--output", tmp_path / "out", "--quiet")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/index.json").read_bytes() == (shelf_images.layout / "index.json").read_bytes()
