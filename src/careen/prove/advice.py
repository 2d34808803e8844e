"""How to give a service what its last words say it lacked."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from careen.plan.target import Plan, ServicePlan
from careen.prove.last_words import Cause, Lack
from careen.prove.servers import kind_of
from careen.text.values import dataclass

_ITSELF = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - what settings name, too
_MOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is known of where the service runs; ``absent_env_files`` are those that compose names and that are not
    there, ``outside`` whether it has a way out of the stack.
    """

    plan: Plan
    service: ServicePlan
    absent_env_files: tuple[str, ...] = ()
    outside: bool = False


def advice(cause: Cause, setting: Setting) -> tuple[str, ...]:
    """Sentences; () where nothing is known that helps."""
    name = setting.service.name
    match cause.lack:
        case Lack.VARIABLE:
            return tuple(_variables(cause.what, setting))
        case Lack.SERVER | Lack.NAME:
            return tuple(_servers(cause.what, setting))
        case Lack.FILE:
            path = cause.what[0] if cause.what else "FILE"
            return (
                f'data = ["*{PurePosixPath(path).name}"] in [tool.careen.services.{name}] takes files of the project',
            )
        case Lack.MODULE:
            module = cause.what[0].partition(".")[0] if cause.what else "NAME"
            return (f'if a distribution has it: include = ["{module}"] in [tool.careen.services.{name}]',)
        case Lack.RIGHT:
            folder = str(PurePosixPath(cause.what[0]).parent) if cause.what else "/FOLDER"
            return (f'writable = ["{folder}"] in [tool.careen.services.{name}] makes it a folder to write to',)
        case Lack.ARGUMENT:
            return (
                f"a command with all of its words: `command:` of {name} in compose, or entrypoint = [...] in careen's",
            )
        case Lack.TABLE:
            return ("run the migrations first: a step of its own in compose that this service depends on",)
        case _:
            return ()


def _variables(names: tuple[str, ...], setting: Setting) -> Iterable[str]:
    listed = ", ".join(names[:_MOST]) + (" ..." if len(names) > _MOST else "")
    one = names[0] if names else "NAME"
    if setting.absent_env_files:
        files = " and ".join(setting.absent_env_files[:_MOST])
        verb = "are" if len(setting.absent_env_files) > 1 else "is"
        yield f"{files}, which compose names for {setting.service.name}, {verb} not here: {listed} may belong there"
    else:
        yield f"say {listed} in `environment:` or an env file of {setting.service.name} in compose"
    yield f"for the proof alone: --env {one}=VALUE, or --env-file FILE"


def _servers(places: tuple[str, ...], setting: Setting) -> Iterable[str]:
    host = places[0].partition(":")[0] if places else ""
    names = [*(item.name for item in setting.plan.backing), *(item.name for item in setting.plan.services)]
    called = dict(setting.plan.aliases).get(host, host)
    backing = next((item for item in setting.plan.backing if item.name == called), None)
    if backing is not None and kind_of(backing.image) is None:
        yield (
            f"{backing.name} runs {backing.image}, for which careen knows no server on this machine: what needs it can "
            "be proven where it runs, with --allow-network and --env"
        )
    elif host in _ITSELF:
        others = f" ({', '.join(names[:_MOST])})" if names else ""
        yield f"inside of a container {host} is the container itself: have the service ask for one of the stack{others}"
    elif host and called not in names:
        way = "" if setting.outside else ": --allow-network lets it look outside, "
        yield f"no service of the stack is called {host}{way or ': '}--env gives it another address"
    elif not host:
        yield "name the service of the stack in the variable that says the address: --env NAME=VALUE tries one"
