"""What a service that lacks something is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from careen.blobs.digest import Descriptor, Digest
from careen.oci.config import ImageConfig
from careen.oci.filesystem import FileSystem
from careen.oci.layer_entries import EntryKind, LayerEntry
from careen.oci.manifest import ImagePlatform
from careen.plan.target import BackingService, Plan, PlannedDistribution, UnbuiltSource
from careen.prove.advice import Setting, advice
from careen.prove.checks import size
from careen.prove.evidence import Verdict
from careen.prove.last_words import Cause, Lack
from careen.prove.rootfs import ImageOnDisk
from careen.prove.subjects import ImageSubject
from careen.python.names import package_name
from fakes.tiny_images import Tiny, plan_of, service_plan

_SERVICE = service_plan(Tiny(name="web"))


def setting(**changes: object) -> Setting:
    backing = (
        BackingService(name="db", image="postgres:16", container_ports=(5432,)),
        BackingService(name="aws", image="localstack/localstack", container_ports=()),
    )
    plan: Plan = replace(plan_of((_SERVICE,)), backing=backing, aliases=(("cloud", "aws"),))
    return replace(Setting(plan=plan, service=_SERVICE), **changes)  # type: ignore[arg-type]


def told(lack: Lack, *what: str, **changes: object) -> str:
    return "\n".join(advice(Cause(lack=lack, said="", what=what), setting(**changes)))


def test_an_env_file_that_is_not_there_is_named_with_the_variable() -> None:
    text = told(Lack.VARIABLE, "SECRET_KEY", absent_env_files=("src/.env",))
    assert "src/.env, which compose names for web, is not here: SECRET_KEY may belong there" in text
    assert "--env SECRET_KEY=VALUE" in text


def test_without_one_compose_is_the_place() -> None:
    assert "say A, B in `environment:`" in told(Lack.VARIABLE, "A", "B")


@pytest.mark.parametrize("place", ["aws:4566", "cloud:4566"])
def test_a_server_that_cannot_be_stood_in_for_is_told(place: str) -> None:
    assert "aws runs localstack/localstack, for which careen knows no server" in told(Lack.SERVER, place)


def test_a_container_has_a_loopback_of_its_own() -> None:
    assert "localhost is the container itself: have the service ask for one of the stack (db, aws, web)" in told(
        Lack.SERVER, "localhost:5432"
    )


def test_a_host_outside_needs_a_way_out() -> None:
    assert "no service of the stack is called api.example: --allow-network" in told(Lack.NAME, "api.example")
    assert "--allow-network" not in told(Lack.NAME, "api.example", outside=True)


def test_a_server_of_the_stack_needs_no_name() -> None:
    assert told(Lack.SERVER, "db:5432") == ""


def test_folders_and_distributions_are_written_as_configuration() -> None:
    assert 'writable = ["/app/logs"] in [tool.careen.services.web]' in told(Lack.RIGHT, "/app/logs/x.log")
    assert 'include = ["yaml"] in [tool.careen.services.web]' in told(Lack.MODULE, "yaml.cyaml")
    assert told(Lack.OTHER) == ""


def test_an_image_over_its_budget_is_told_what_weighs_and_what_would_do(tmp_path: Path) -> None:
    heavy = replace(
        _SERVICE,
        budget_bytes=0,
        distributions=(
            PlannedDistribution(
                name=package_name("torch"),
                version="1",
                source=UnbuiltSource(requirement="torch==1", url=None, digest=None),
                installed_bytes=70_000_000,
                reasons=(),
            ),
        ),
    )
    image = ImageOnDisk(
        name="x",
        layout=tmp_path,
        manifest=Descriptor(media_type="", digest=Digest.of(b""), size=0),
        config=ImageConfig(platform=ImagePlatform(architecture="amd64"), diff_ids=()),
        file_system=FileSystem(),
        root=tmp_path,
    )
    entry = LayerEntry(path="x", kind=EntryKind.FILE, size=101_000_000, mode=0o644)
    image.file_system.apply(entry, 0)
    result = size.check(ImageSubject(plan=plan_of([heavy]), service=heavy, image=image))
    assert result.verdict is Verdict.FAIL
    assert result.evidence.hints == (
        "the heaviest that it holds: torch 70 MB",
        'budget = "150MB" in [tool.careen.services.web] allows it',
    )
