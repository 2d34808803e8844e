"""Images that hold what a proof touched, and what that cannot do without."""

import base64
import csv
import io
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from careen.blobs.digest import Digest
from careen.build.engine import BuildOptions, BuildResult
from careen.build.module_choice import Choice
from careen.build.module_graph import Imports, Module, ModuleSet
from careen.build.native import build_stack
from careen.build.traced import IncompleteTraceError, WheelFiles, kept_files
from careen.oci.layout import Layout
from careen.oci.unpack import image_files, read_files
from careen.plan.traces import ServiceTrace
from careen.python.trimming import TrimmingPolicy
from fakes.stacks import RUNTIME, SITE, FakeStack, write_stack


def trace(service: str, *paths: str) -> ServiceTrace:
    return ServiceTrace(service=service, paths=frozenset(PurePosixPath(f"/{SITE}", path) for path in paths))


def build(stack: FakeStack, output: Path, *traces: ServiceTrace, bytecode: bool = False) -> BuildResult:
    options = BuildOptions(bytecode=bytecode, trimming=TrimmingPolicy.TRACED, traces=traces)
    return build_stack(stack.plan, stack.sources, output=output, options=options)


def site_files(result: BuildResult, service: str) -> set[str]:
    layout = Layout.open(result.layout)
    manifest = layout.manifest(layout.image(result.image(service).reference))
    return {file.path.removeprefix(f"{SITE}/") for file in image_files(layout, manifest) if file.path.startswith(SITE)}


@pytest.fixture
def stack(tmp_path: Path) -> FakeStack:
    """Here, what the machine's own strip knows nothing of is left as it is."""
    return write_stack(tmp_path)


def test_what_no_service_touched_nor_can_import_is_gone(stack: FakeStack, tmp_path: Path) -> None:
    result = build(stack, tmp_path / "out", trace("web"), trace("worker"))
    found = site_files(result, "worker")
    assert {"crate/__init__.py", "crate/used.py", "crate/__main__.py", "peg.py"} <= found
    assert "crate/unused.py" not in found
    assert "lone/data.bin" not in found
    assert any(path.endswith(".dist-info/METADATA") and path.startswith("lone-") for path in found)


def test_what_one_service_touched_stays_for_all_who_share_it(stack: FakeStack, tmp_path: Path) -> None:
    result = build(stack, tmp_path / "out", trace("web"), trace("worker", "crate/unused.py", "lone/data.bin"))
    assert "crate/unused.py" in site_files(result, "web")
    assert "lone/data.bin" in site_files(result, "worker")


def test_records_list_what_is_left(stack: FakeStack, tmp_path: Path) -> None:
    result = build(stack, tmp_path / "out", trace("web"), trace("worker", "lone/data.bin"))
    layout = Layout.open(result.layout)
    manifest = layout.manifest(layout.image(result.image("worker").reference))
    contents = read_files(layout, manifest, lambda path: path.startswith("usr/local/")).contents
    listed = {}
    for path, content in contents.items():
        if path.endswith(".dist-info/RECORD"):
            for name, digest, _ in csv.reader(io.StringIO(content.decode())):
                place = str(PurePosixPath("/usr/local", "lib/python3.11/dist-packages", name))
                listed[place.replace("/lib/python3.11/dist-packages/../../..", "").lstrip("/")] = digest
    assert set(listed) == set(contents)
    for path, digest in listed.items():
        if digest:
            encoded = base64.urlsafe_b64encode(bytes.fromhex(Digest.of(contents[path]).hex)).rstrip(b"=").decode()
            assert digest == f"sha256={encoded}"


def test_another_trace_gives_another_layer_and_the_same_one_the_same(stack: FakeStack, tmp_path: Path) -> None:
    first = build(stack, tmp_path / "1", trace("web"), trace("worker"))
    same = build(stack, tmp_path / "2", trace("web", "no/file"), trace("worker"))
    other = build(stack, tmp_path / "3", trace("web"), trace("worker", "lone/data.bin"))
    assert [image.digest for image in same.images] == [image.digest for image in first.images]
    assert other.image("worker").digest != first.image("worker").digest
    assert other.image("web").layers[1].digest == first.image("web").layers[1].digest


def test_a_service_that_was_not_traced_is_named(stack: FakeStack, tmp_path: Path) -> None:
    with pytest.raises(IncompleteTraceError, match=r"nothing of worker$"):
        build(stack, tmp_path / "out", trace("web"))


def test_native_code_that_stays_keeps_its_libraries_across_wheels() -> None:
    imports = Imports(eager=("pack.fast",), lazy=("pack.later",), texts=())
    modules = ModuleSet({"pack": Module("pack/__init__.py", 1, imports)}, ())
    choice = Choice(
        sets=lambda: {"a": modules, "b": ModuleSet({}, ())}, modules={"a": {"pack/__init__.py": 1}, "b": {}}
    )
    names = ("pack/__init__.py", "pack/fast.abi3.so", "pack/later.so", "pack/never.so", "pack.libs/libone-12.so.1")
    files = {
        "a": WheelFiles(
            tuple(f"{SITE}/{name}" for name in names),
            {f"{SITE}/pack/fast.abi3.so": ("libone-12.so.1", "libc.so.6"), f"{SITE}/pack/never.so": ("libthree.so",)},
        ),
        "b": WheelFiles(
            (f"{SITE}/nvidia/lib/libtwo.so.2", f"{SITE}/nvidia/lib/libthree.so", "usr/local/bin/b"),
            {f"{SITE}/nvidia/lib/libtwo.so.2": ()},
        ),
    }
    files["a"] = replace(files["a"], needed={**files["a"].needed, f"{SITE}/pack.libs/libone-12.so.1": ("libtwo.so.2",)})
    kept = kept_files(files, choice, frozenset(), RUNTIME)
    assert kept["a"] == {f"{SITE}/{name}" for name in names if name != "pack/never.so"}
    assert kept["b"] == {f"{SITE}/nvidia/lib/libtwo.so.2", "usr/local/bin/b"}
