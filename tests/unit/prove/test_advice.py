"""What a service that lacks something is told."""

from dataclasses import replace

import pytest

from careen.plan.target import BackingService, Plan
from careen.prove.advice import Setting, advice
from careen.prove.last_words import Cause, Lack
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
