import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from careen.build.application import ApplicationFileError
from careen.build.debian_root import BaseRecipe
from careen.build.engine import BuildOptions, BuildResult
from careen.build.native import build_stack
from careen.oci.layout import Layout, LayoutError
from careen.oci.media_types import Compression
from careen.oci.unpack import image_files, read_files
from careen.plan.target import ApplicationFile, DebianBase, DistributionLayer, SystemLayer
from careen.python.installing import WheelContentError
from careen.python.trimming import TrimmingPolicy
from fakes.debs import write_deb
from fakes.stacks import SITE, FakeMirror, FakeStack, distribution, write_stack
from fakes.wheels import recorded, write_wheel

PLAIN = BuildOptions(bytecode=False)
FOREIGN = "linux/amd64" if platform.machine() == "aarch64" else "linux/arm64"
"""A platform whose interpreter cannot run here, so that the one that runs the tests compiles."""


def build(stack: FakeStack, output: Path, options: BuildOptions = PLAIN) -> BuildResult:
    return build_stack(stack.plan, stack.sources, output=output, options=options)


def paths(result: BuildResult, service: str) -> dict[str, int]:
    layout = Layout.open(result.layout)
    manifest = layout.manifest(layout.image(result.image(service).reference))
    return {file.path: file.size for file in image_files(layout, manifest)}


def contents(result: BuildResult, service: str, suffix: str) -> dict[str, bytes]:
    layout = Layout.open(result.layout)
    manifest = layout.manifest(layout.image(result.image(service).reference))
    return read_files(layout, manifest, lambda path: path.endswith(suffix)).contents


def layer_names(result: BuildResult, number: int) -> list[str]:
    blob = result.layout / "blobs/sha256" / result.layers[number].digest.hex
    with tarfile.open(fileobj=io.BytesIO(blob.read_bytes()), mode="r:*") as archive:
        return archive.getnames()


def test_images_hold_the_base_what_is_needed_and_the_service_itself(tmp_path: Path) -> None:
    result = build(write_stack(tmp_path), tmp_path / "out")
    web, worker = paths(result, "web"), paths(result, "worker")
    assert {"usr/bin/python3.11", f"{SITE}/crate/used.py", f"{SITE}/peg.py", "usr/local/bin/crate"} <= set(web)
    assert {"app/src/own/main.py", "opt/careen/health.py", "usr/local/share/peg/peg.txt", "etc/passwd"} <= set(web)
    assert f"{SITE}/lone/data.bin" in worker
    assert f"{SITE}/lone/data.bin" not in web
    assert f"{SITE}/crate/code.h" not in web
    assert f"{SITE}/crate/tests/test_used.py" not in web


def test_the_bytes_of_an_image_are_those_of_its_files(tmp_path: Path) -> None:
    result = build(write_stack(tmp_path), tmp_path / "out")
    for image in result.images:
        layout = Layout.open(result.layout)
        manifest = layout.manifest(layout.image(image.reference))
        assert image.bytes == sum(file.size for file in image_files(layout, manifest))
        assert image.compressed_bytes == sum(layer.size for layer in manifest.layers)


def test_services_share_layers_and_every_layer_is_counted_once(tmp_path: Path) -> None:
    result = build(write_stack(tmp_path), tmp_path / "out")
    web, worker = result.image("web").layers, result.image("worker").layers
    assert [layer.digest for layer in web[:2]] == [layer.digest for layer in worker[:2]]
    assert result.unique_bytes == sum({layer.digest: layer.bytes for layer in (*web, *worker)}.values())
    assert web[0].services == ("web", "worker")
    assert worker[2].services == ("worker",)
    assert [share.what for share in worker[1].shares] == ["crate 1.0", "peg 1.0"]


def test_the_configuration_says_how_the_service_runs(tmp_path: Path) -> None:
    result = build(write_stack(tmp_path), tmp_path / "out")
    layout = Layout.open(result.layout)
    manifest = layout.manifest(layout.image("stack_web"))
    config = json.loads(layout.blob_path(manifest.config.digest).read_bytes())
    assert config["config"]["Entrypoint"] == ["/usr/bin/python3.11", "-m", "crate", "own.main"]
    assert config["config"]["User"] == "10001:10001"
    assert config["config"]["ExposedPorts"] == {"8000/tcp": {}}
    assert config["config"]["Healthcheck"]["Test"] == ["CMD", "/usr/bin/python3.11", "/opt/careen/health.py"]
    assert config["created"] == "1980-01-01T00:00:00Z"
    assert json.loads(manifest.annotations["careen.healthcheck"])["argv"][0] == "/usr/bin/python3.11"
    assert len(config["history"]) == len(manifest.layers)


def test_places_to_write_to_belong_to_the_user_and_those_of_the_base_stay_as_they_are(tmp_path: Path) -> None:
    result = build(write_stack(tmp_path), tmp_path / "out")
    layout = Layout.open(result.layout)
    manifest = layout.manifest(layout.image("stack_web"))
    with tarfile.open(layout.blob_path(manifest.layers[-1].digest)) as archive:
        owners = {member.name: (member.uid, oct(member.mode)) for member in archive if member.isdir()}
    assert owners["data"] == (10001, "0o755")
    assert owners["app/spool"] == (10001, "0o1777")  # of a tmpfs, which takes its rights from here
    assert owners["app"] == (0, "0o755")
    assert "tmp" not in owners


def test_a_layer_names_every_folder_once_and_before_what_is_in_it(tmp_path: Path) -> None:
    result = build(write_stack(tmp_path), tmp_path / "out")
    for number in range(len(result.layers)):
        names = layer_names(result, number)
        assert len(names) == len(set(names))
        for position, name in enumerate(names):
            folder = name.rpartition("/")[0]
            assert not folder or folder in names[:position]


def test_every_file_of_a_distribution_is_in_its_record_with_its_digest(tmp_path: Path) -> None:
    result = build(write_stack(tmp_path, platform=FOREIGN), tmp_path / "out", BuildOptions())
    record = contents(result, "web", "crate-1.0.dist-info/RECORD")[f"{SITE}/crate-1.0.dist-info/RECORD"].decode()
    rows = dict(line.split(",", 1) for line in record.splitlines())
    everything = contents(result, "web", "")
    for name, rest in rows.items():
        path = os.path.normpath(f"{SITE}/{name}")
        assert path in everything
        if not name.endswith("/RECORD"):
            digest, size = rest.split(",")
            assert int(size) == len(everything[path])
            assert digest == recorded(everything[path])
    own = {path for path in everything if path.startswith(f"{SITE}/crate")} | {"usr/local/bin/crate"}
    assert own == {os.path.normpath(f"{SITE}/{name}") for name in rows}


def test_only_modules_that_a_service_imports_have_bytecode(tmp_path: Path) -> None:
    result = build(write_stack(tmp_path, platform=FOREIGN), tmp_path / "out", BuildOptions())
    compiled = {path for path in paths(result, "web") if path.endswith(".pyc")}
    tag = sys.implementation.cache_tag if sys.version_info[:2] == (3, 11) else None
    if tag is None:
        pytest.skip("the tests run on another Python than the image's")
    assert compiled == {
        f"{SITE}/crate/__pycache__/__init__.{tag}.pyc",
        f"{SITE}/crate/__pycache__/__main__.{tag}.pyc",
        f"{SITE}/crate/__pycache__/used.{tag}.pyc",
        f"{SITE}/__pycache__/peg.{tag}.pyc",
        f"usr/lib/python3.11/json/__pycache__/__init__.{tag}.pyc",
        f"usr/lib/python3.11/json/__pycache__/decoder.{tag}.pyc",
        f"app/src/own/__pycache__/main.{tag}.pyc",
        f"opt/careen/__pycache__/health.{tag}.pyc",
    }
    assert result.image("web").bytecode_bytes == sum(
        size for path, size in paths(result, "web").items() if path in compiled
    )


def test_the_same_inputs_give_the_same_bytes_whatever_surrounds_the_build(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from careen.build.engine import BuildOptions
from careen.build.native import build_stack
from fakes.stacks import write_stack
os.umask(int(sys.argv[3], 8))
stack = write_stack(Path(sys.argv[1]), platform=sys.argv[4])
result = build_stack(stack.plan, stack.sources, output=Path(sys.argv[2]), options=BuildOptions())
print(*(image.digest for image in result.images))
"""
    tests = Path(__file__).parents[2]

    def run(name: str, umask: str, **environment: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        words: list[str | Path] = [sys.executable, "-c", program, folder / "stack", folder / "out", umask, FOREIGN]
        variables = {"PYTHONPATH": f"{tests}:{tests.parent / 'src'}", "PATH": "", **environment}
        done: subprocess.CompletedProcess[str] = subprocess.run(
            words, env=variables, cwd=folder, check=True, capture_output=True, text=True
        )
        return done.stdout

    first = run("first", "022", PYTHONHASHSEED="1", TZ="UTC", LANG="C")
    second = run("second-and-longer", "077", PYTHONHASHSEED="2", TZ="Asia/Tokyo", LANG="C.UTF-8", HOME="/nonexistent")
    assert first == second
    assert first.count("sha256:") == 2


def test_a_second_build_asks_for_nothing_and_opens_no_wheel(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    first = build(stack, tmp_path / "first")
    stack.mirror.asked.clear()
    for wheel in (tmp_path / "python").rglob("*.whl"):
        wheel.unlink()
    for wheel in (tmp_path / "wheels").iterdir():
        wheel.unlink()
    second = build(stack, tmp_path / "second")
    assert [image.digest for image in first.images] == [image.digest for image in second.images]
    assert stack.mirror.asked == []


def test_a_changed_distribution_changes_its_layer_and_no_other(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    first = build(stack, tmp_path / "out")
    newer = distribution(write_wheel(tmp_path / "wheels", "lone", {"lone/__init__.py": b"NEW = 1\n"}, version="1.1"))
    layers = tuple(
        DistributionLayer(services=layer.services, distributions=(newer,)) if layer.services == ("worker",) else layer
        for layer in stack.plan.distribution_layers
    )
    second = build(replace(stack, plan=replace(stack.plan, distribution_layers=layers)), tmp_path / "out")
    before, after = first.image("worker").layers, second.image("worker").layers
    assert [old.digest == new.digest for old, new in zip(before, after, strict=True)] == [True, True, False, True]
    assert first.image("web").digest == second.image("web").digest
    assert f"{SITE}/lone/data.bin" not in paths(second, "worker")


def test_a_changed_file_of_the_application_changes_only_the_last_layer(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    first = build(stack, tmp_path / "out")
    (tmp_path / "project/src/own/main.py").write_bytes(b"import crate, json\n")
    second = build(stack, tmp_path / "out")
    for service in ("web", "worker"):
        before, after = first.image(service).layers, second.image(service).layers
        assert [layer.digest for layer in before[:-1]] == [layer.digest for layer in after[:-1]]
        assert before[-1].digest != after[-1].digest


def test_zstd_layers_hold_the_same_tar_streams(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    gzip = build(stack, tmp_path / "gzip")
    zstd = build(stack, tmp_path / "zstd", BuildOptions(bytecode=False, compression=Compression.ZSTD))
    assert [layer.diff_id for layer in gzip.layers] == [layer.diff_id for layer in zstd.layers]
    assert paths(gzip, "web") == paths(zstd, "web")
    assert all(layer.digest != other.digest for layer, other in zip(gzip.layers, zstd.layers, strict=True))


def test_without_trimming_everything_of_a_wheel_is_there(tmp_path: Path) -> None:
    options = BuildOptions(bytecode=False, trimming=TrimmingPolicy.NONE)
    found = paths(build(write_stack(tmp_path), tmp_path / "out", options), "web")
    assert {f"{SITE}/crate/code.h", f"{SITE}/crate/tests/test_used.py"} <= set(found)


def test_a_store_that_has_whole_distributions_serves_trimmed_ones(tmp_path: Path) -> None:
    stack = write_stack(tmp_path, platform=FOREIGN)
    (stack.sources.root / "src/own/main.py").write_bytes(b"import crate.tests.test_used\n")
    whole = paths(build(stack, tmp_path / "whole", BuildOptions(trimming=TrimmingPolicy.NONE)), "web")
    trimmed = paths(build(stack, tmp_path / "trimmed", BuildOptions()), "web")
    tests = f"{SITE}/crate/tests/"
    assert any(path.startswith(tests) and path.endswith(".pyc") for path in whole)
    assert not any(path.startswith(tests) for path in trimmed)


def test_two_distributions_with_one_file_leave_it_once_and_say_so(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    ours = distribution(write_wheel(tmp_path / "wheels", "aaa", {"same.py": b"same\n", "both.py": b"ours\n"}))
    theirs = distribution(
        write_wheel(tmp_path / "wheels", "bbb", {"same.py": b"same\n", "both.py": b"theirs\n", "more.py": b""})
    )
    layer = DistributionLayer(services=("web",), distributions=(ours, theirs))
    plan = replace(stack.plan, distribution_layers=(*stack.plan.distribution_layers, layer))
    result = build(replace(stack, plan=plan), tmp_path / "out")
    found = contents(result, "web", ".py")
    assert found[f"{SITE}/both.py"] == b"ours\n"
    assert f"{SITE}/more.py" in found
    assert result.image("web").notes == (
        f"aaa 1.0 and bbb 1.0 both bring /{SITE}/both.py; that of aaa 1.0 is in the image",
    )
    assert result.image("web").bytes == sum(paths(result, "web").values())


def test_a_file_that_an_upper_layer_replaces_is_not_counted(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    over = distribution(write_wheel(tmp_path / "wheels", "over", {"peg.py": b"PEG = 1234567\n"}))
    layer = DistributionLayer(services=("web",), distributions=(over,))
    plan = replace(stack.plan, distribution_layers=(*stack.plan.distribution_layers, layer))
    result = build(replace(stack, plan=plan), tmp_path / "out")
    assert result.image("web").bytes == sum(paths(result, "web").values())
    assert contents(result, "web", "/peg.py")[f"{SITE}/peg.py"] == b"PEG = 1234567\n"


def test_a_wheel_whose_record_lies_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    good = write_wheel(tmp_path / "wheels", "liar", {"liar.py": b"true\n"})
    record = "liar.py,sha256=" + "A" * 43 + ",5\nliar-1.0.dist-info/RECORD,,\n"
    bad = distribution(write_wheel(tmp_path / "wheels", "liar", {"liar.py": b"true\n"}, record=record))
    plan = replace(
        stack.plan, distribution_layers=(DistributionLayer(services=("web", "worker"), distributions=(bad,)),)
    )
    with pytest.raises(WheelContentError, match=r"liar\.py is not the file that RECORD lists"):
        build(replace(stack, plan=plan), tmp_path / "out")
    assert good.exists()
    assert not (tmp_path / "out" / "index.json").exists()
    assert list((tmp_path / "store/aside").iterdir()) == []


def test_a_file_that_leads_out_of_the_project_is_refused(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "project/link.txt").symlink_to(tmp_path / "secret")
    extra = ApplicationFile(source=PurePosixPath("link.txt"), destination=PurePosixPath("/app/link.txt"), bytes=6)
    services = tuple(replace(item, application=(*item.application, extra)) for item in stack.plan.services)
    with pytest.raises(ApplicationFileError, match=r"link\.txt leads out of the project"):
        build(replace(stack, plan=replace(stack.plan, services=services)), tmp_path / "out")


def test_a_missing_file_of_the_project_is_named(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    (tmp_path / "project/src/own/main.py").unlink()
    with pytest.raises(ApplicationFileError, match=r"src/own/main\.py cannot be read"):
        build(stack, tmp_path / "out")


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(LayoutError, match="not empty"):
        build(write_stack(tmp_path), out)
    assert (out / "thesis.txt").read_text() == "years of work"


def with_system_package(folder: Path) -> FakeStack:
    """One of the services needs a package that the base has not."""
    stack = write_stack(folder)
    files = {"usr/lib/x86_64-linux-gnu/libpq.so.5": b"a library", "usr/lib/python3.11/json/__init__.py": JSON}
    package, path = write_deb(folder / "debs", "libpq5", files)
    mirror = FakeMirror({**stack.mirror.files, package.digest: path}, [])
    layer = SystemLayer(packages=(package,), services=("worker",))
    plan = replace(stack.plan, system_layers=(layer,))
    return FakeStack(plan, replace(stack.sources, debs=mirror.debs), mirror)


JSON = b"from json import decoder\n"
"""As the base has it."""


def test_a_system_package_adds_what_the_base_has_not_whether_both_are_new_or_one(tmp_path: Path) -> None:
    stack = with_system_package(tmp_path)
    both = build(stack, tmp_path / "both")
    assert "usr/lib/x86_64-linux-gnu/libpq.so.5" in paths(both, "worker")
    assert "usr/lib/x86_64-linux-gnu/libpq.so.5" not in paths(both, "web")
    (system,) = [layer for layer in both.layers if layer.what == "libpq5"]
    names = layer_names(both, both.layers.index(system))
    assert not any(name.endswith("json/__init__.py") for name in names)

    for kind in ("layer", "contents", "image"):
        shutil.rmtree(stack.sources.store.folder / kind)
    for entry in (stack.sources.store.folder / "segment").glob("*/*.entry"):
        if b'"what":"libpq5"' in entry.read_bytes():
            entry.unlink()
    one = build(stack, tmp_path / "one")
    assert [image.digest for image in one.images] == [image.digest for image in both.images]


def test_a_base_that_is_held_is_composed_once(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    assert isinstance(stack.plan.base, DebianBase)
    recipe = BaseRecipe(base=stack.plan.base, architecture=stack.plan.platform.architecture, debs=stack.mirror.debs)
    with recipe.held():
        composed = recipe.entries()
        assert recipe.entries() is composed
    assert recipe.entries() is not composed
    assert recipe.entries() == composed
