"""What a project says wrongly of itself: named, and the rest of the plan stands."""

import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from careen.app.plan_request import PlanRequest
from careen.app.planning import plan_stack
from careen.blobs.digest import Digest
from careen.plan.python_version import NoPythonError
from careen.plan.target import Plan, UnbuiltSource
from careen.platforms import Platform
from fakes.cases import stand_up
from fakes.index import FakeIndex, serve
from fakes.mirrors import FakeMirror
from fakes.sessions import fake_session

CASE = Path(__file__).parents[2] / "cases" / "plan" / "two-services"
ROOM = '[project]\nname = "{name}"\nversion = "1"\ndependencies = [{needs}]\n'
CIRCLE = """
[manifest]
members = ["back-room", "shop", "stock-room"]

[[package]]
name = "back-room"
version = "1"
source = { editable = "rooms/back" }
dependencies = [{ name = "stock-room" }, { name = "webber" }]

[[package]]
name = "stock-room"
version = "1"
source = { editable = "rooms/stock" }
dependencies = [{ name = "back-room" }, { name = "shop" }, { name = "heavy" }]
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[tuple[Path, FakeIndex]]:
    with serve(FakeIndex()) as index:
        yield stand_up(CASE, tmp_path, index), index


def planned(project: tuple[Path, FakeIndex], base: str | None = None) -> Plan:
    root, index = project
    session = fake_session(root.parent, index.address)
    try:
        return plan_stack(session, PlanRequest(root=root, platform=Platform.parse("linux/amd64"), base=base)).plan
    finally:
        session.close()


def requires(root: Path, file: str, version: str) -> None:
    path = root / file
    path.write_text(re.sub('requires-python = "[^"]*"', f'requires-python = "{version}"', path.read_text()))


@pytest.mark.parametrize("file", ["uv.lock", "pyproject.toml"])
def test_the_python_is_one_that_both_lock_and_project_allow(file: str, project: tuple[Path, FakeIndex]) -> None:
    root, index = project
    requires(root, file, ">=3.12")
    mirror = FakeMirror(root.parent / "newer", release="trixie")
    mirror.add_python()
    index.files |= mirror.publish()

    plan = planned(project)

    assert (plan.base.label, str(plan.base.runtime.version)) == ("debian:trixie", "3.13")
    assert any("the images of today have Python 3.11; the plan takes 3.13" in note for note in plan.notes)
    assert [service.name for service in plan.services] == ["web", "worker"]
    assert any("heavy 3.0 has no wheel" in note for note in plan.notes)  # its only one is for 3.11


def test_a_lock_and_a_project_that_allow_no_python_together_are_told_with_both(project: tuple[Path, FakeIndex]) -> None:
    requires(project[0], "uv.lock", "<3.12")
    requires(project[0], "pyproject.toml", ">=3.13")

    with pytest.raises(NoPythonError, match=re.escape("<3.12,>=3.13")):
        planned(project)


def test_a_base_whose_python_the_project_forbids_is_refused(project: tuple[Path, FakeIndex]) -> None:
    requires(project[0], "pyproject.toml", ">=3.11,<3.13")

    with pytest.raises(NoPythonError, match=re.escape("<3.13")):
        planned(project, "debian:trixie")

    assert planned(project, "debian:bookworm").base.label == "debian:bookworm"


def test_a_requirement_of_python_that_says_nothing_counts_as_none(project: tuple[Path, FakeIndex]) -> None:
    requires(project[0], "pyproject.toml", "three")

    assert planned(project).base.label == "debian:bookworm"


def in_a_circle(root: Path) -> None:
    for folder, name, needs in (("back", "back-room", '"stock-room"'), ("stock", "stock-room", '"back-room", "shop"')):
        module = root / "rooms" / folder / "src" / name.replace("-", "_")
        module.mkdir(parents=True)
        (module.parents[1] / "pyproject.toml").write_text(ROOM.format(name=name, needs=needs))
    (root / "rooms/back/src/back_room/__init__.py").write_text("import stock_room\nimport webber\n")
    (root / "rooms/stock/src/stock_room/__init__.py").write_text("import back_room\nimport heavy\n")
    (root / "src/shop/web.py").write_text("import back_room\n")
    lock, pyproject = root / "uv.lock", root / "pyproject.toml"
    text = lock.read_text().replace('{ name = "webber" },\n]', '{ name = "back-room" },\n]')
    head, rest = text.split("\n\n", 1)
    lock.write_text(f"{head}\n{CIRCLE}\n{rest}")
    asked = pyproject.read_text().replace('"webber"', '"back-room"')
    pyproject.write_text(f'{asked}\n[tool.uv.workspace]\nmembers = ["rooms/*"]\n')


def test_members_that_need_each_other_are_followed_once_around(project: tuple[Path, FakeIndex]) -> None:
    in_a_circle(project[0])

    plan = planned(project)

    kept = {service.name: {str(item.name) for item in service.distributions} for service in plan.services}
    assert kept == {"web": {"heavy", "uvicorn", "webber"}, "worker": {"celery", "heavy"}}
    carried = {str(file.destination) for service in plan.services[:1] for file in service.application}
    assert "/app/rooms/stock/src/stock_room/__init__.py" in carried
    assert not any("workspace" in note for note in plan.notes)  # uv takes it too


def test_a_member_whose_workspace_has_the_root_for_a_member_is_told_with_its_line(
    project: tuple[Path, FakeIndex],
) -> None:
    root, _ = project
    in_a_circle(root)
    with (root / "rooms/stock/pyproject.toml").open("a") as file:
        file.write('\n[tool.uv.workspace]\nmembers = ["../.."]\n')

    plan = planned(project)

    told = [note for note in plan.notes if note.startswith("rooms/stock/pyproject.toml:6: stock-room is a member")]
    assert len(told) == 1
    assert [service.name for service in plan.services] == ["web", "worker"]


def test_what_is_to_be_built_from_sources_is_not_built_for_a_plan(project: tuple[Path, FakeIndex]) -> None:
    root, index = project
    ran = root.parent / "ran"
    texts = {
        "PKG-INFO": "Metadata-Version: 2.2\nName: heavy\nVersion: 3.0\n",
        "setup.py": f"open({str(ran)!r}, 'w').close()\nfrom setuptools import setup\nsetup()\n",
        "heavy/__init__.py": "",
    }
    sources = io.BytesIO()
    with tarfile.open(fileobj=sources, mode="w:gz") as archive:
        for path, text in texts.items():
            member = tarfile.TarInfo(f"heavy-3.0/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    data = sources.getvalue()
    index.files["heavy-3.0.tar.gz"] = data
    file = f'url = "{index.address}/heavy-3.0.tar.gz", hash = "{Digest.of(data)}", size = {len(data)}'
    lock = root / "uv.lock"
    lock.write_text(re.sub(r"wheels = \[\n[^\]]*heavy-3\.0[^\]]*\]", f"sdist = {{ {file} }}", lock.read_text()))

    session = fake_session(root.parent, index.address)
    try:
        request = PlanRequest(root=root, platform=Platform.parse("linux/amd64"), fetch_wheels=True)
        plan = plan_stack(session, request).plan
    finally:
        session.close()

    assert any(isinstance(item.source, UnbuiltSource) for service in plan.services for item in service.distributions)
    assert not ran.exists()
    assert plan.predicted_bytecode_bytes is not None
    assert not any("what bytecode adds is not known" in note for note in plan.notes)
