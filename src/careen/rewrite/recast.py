"""A Dockerfile rendered from the plan: one file, a target per service, shared stages below.

Builds on BuildKit as old as Docker 20.10's: no here-document, no ``--link``, no ``# syntax=`` line.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath

from careen.plan.target import Plan, ServicePlan
from careen.rewrite import rendering
from careen.rewrite.bases import Foundation
from careen.rewrite.carried import MARK, OWN_STAGES, OWN_SUFFIXES, Carried
from careen.rewrite.copies import Piece
from careen.rewrite.debs import IMAGE, PACKAGES, library_folder, packages_stage
from careen.rewrite.installing import BUILD_FOLDER, PROGRAMS, VENV, Installing, build_packages
from careen.rewrite.options import RewriteOptions, Runtime
from careen.text.values import dataclass

_HEAD = f"{MARK.capitalize()} from what each service starts and imports; `careen fix` renders it again."
_HEAD_OF_SEVERAL = f"One target per service: `docker build --target NAME`. {_HEAD}"

_BUILDER = "builder"
_RUNTIME = "runtime"
_BINUTILS = {"binutils": "binutils=2.*"}

_VERSION = re.compile(r"(?P<epoch>\d+:)?(?P<first>\d+)(?:\.(?P<second>\d+)\.)?")
"""Of a Debian package (deb-version(7)): ``3.11.2-6+deb12u6``, or a date as in ``20230311+deb12u1``."""


@dataclass(frozen=True, kw_only=True)
class RecastInputs:
    """``pieces`` are what each service copies of the project, ``support`` the folder of the files careen adds, of which
    ``programs`` are run while images are built.

    ``title`` is the project's name, for labels.
    """

    plan: Plan
    foundation: Foundation
    carried: Carried
    installing: Installing
    pieces: Mapping[str, tuple[Piece, ...]]
    support: PurePosixPath
    programs: tuple[str, ...]
    title: str
    options: RewriteOptions


def recast(inputs: RecastInputs) -> str:
    """The text, with line feeds."""
    return _Recast(inputs).text()


def stage_names(services: Iterable[str]) -> Mapping[str, str]:
    """A target for every service, by a name that FROM takes and no other stage has."""
    found: dict[str, str] = {}
    for service in services:
        name = "".join(character if character.isalnum() or character in "-_." else "-" for character in service.lower())
        if not name[:1].isalpha() or name in OWN_STAGES or name.endswith(OWN_SUFFIXES) or name == "scratch":
            name = f"service-{name.lstrip('-_.')}"
        while name in found.values():
            name += "-2"
        found[service] = name
    return found


class _Recast:
    def __init__(self, inputs: RecastInputs) -> None:
        self._inputs = inputs
        self._plan = inputs.plan
        self._foundation = inputs.foundation
        self._stages = stage_names(service.name for service in inputs.plan.services)

    def text(self) -> str:
        parts = [
            self._head(),
            "FROM ${UV_IMAGE} AS uv",
            self._builder(),
            *self._inputs.installing.stages(self._stages),
            *self._inputs.carried.stages,
            *self._packages(),
            *self._images(),
        ]
        if self._inputs.options.debug_targets:
            parts += [self._debug(service) for service in self._plan.services]
        return "\n\n".join(parts) + "\n"

    def _head(self) -> str:
        foundation = self._foundation
        images = [image for image in (foundation.build, foundation.run) if image is not None]
        arguments = [f"ARG {image.name}={image.reference}" for image in dict.fromkeys(images)]
        head = _HEAD_OF_SEVERAL if len(self._stages) > 1 else _HEAD
        uv = f"ARG UV_IMAGE=ghcr.io/astral-sh/uv:{self._inputs.options.uv_version}"
        return "\n".join((rendering.comment(head), *arguments, uv))

    def _builder(self) -> str:
        foundation = self._foundation
        reason = (
            f"Installs with {foundation.interpreter}, where the images that run have theirs, so that the links of the "
            "virtual environment hold."
        )
        carried = build_packages(self._plan, foundation, self._inputs.carried.build_packages)
        packages = [name if foundation.runtime is Runtime.ALPINE else _BINUTILS.get(name, name) for name in carried]
        packages = [self._held(name) if name in foundation.build_packages else name for name in packages]
        programs = [str(self._inputs.support / name) for name in sorted(self._inputs.programs)]
        return "\n".join(
            (
                rendering.comment(reason),
                f"FROM {foundation.build.use} AS {_BUILDER}",
                *([self._install(packages)] if packages else []),
                "COPY --from=uv /uv /usr/local/bin/uv",
                rendering.copy(programs, f"{PROGRAMS}/"),
                rendering.assignments("ENV", self._inputs.installing.environment(foundation)),
                f"WORKDIR {BUILD_FOLDER}",
            )
        )

    def _install(self, packages: Iterable[str]) -> str:
        if self._foundation.runtime is Runtime.ALPINE:
            return rendering.apk_add(dict.fromkeys(packages))
        # As whichever version the release has is asked for, where no other is known; linters take none for forgotten.
        return rendering.apt_install(name if "=" in name else f"{name}=*" for name in packages)

    def _held(self, name: str) -> str:
        """A package at the version that its release of Debian has: updates of the release come in, no other."""
        versions = {package.name: package.version for package in self._plan.base.packages}
        match = _VERSION.match(versions.get(name, ""))
        if match is None:
            return f"{name}=*"
        series = f"{match['first'][:2]}*" if match["second"] is None else f"{match['first']}.{match['second']}.*"
        return f"{name}={match['epoch'] or ''}{series}"

    def _dependency_stage(self, service: ServicePlan) -> str:
        return self._inputs.installing.stage_of(service.name, self._stages[service.name])

    # System packages

    @cached_property
    def _library_sets(self) -> Mapping[tuple[str, ...], PurePosixPath]:
        """Packages to the folder that they are unpacked into; services with the same packages share one."""
        found: dict[tuple[str, ...], PurePosixPath] = {}
        for service in self._plan.services:
            packages = tuple(package.name for package in service.system_packages)
            if packages:
                found.setdefault(packages, library_folder(self._stages[service.name]))
        return found

    def _packages(self) -> Iterator[str]:
        foundation = self._foundation
        if foundation.composed_of or self._library_sets:
            user = self._plan.services[0].user
            yield packages_stage(foundation, str(self._plan.base.runtime.version), user, self._library_sets)

    # Images that run

    @cached_property
    def _environments(self) -> Mapping[str, Mapping[str, str]]:
        return {service.name: self._environment(service) for service in self._plan.services}

    def _environment(self, service: ServicePlan) -> Mapping[str, str]:
        values = dict(service.environment)
        path = values.get("PATH", "/usr/local/bin:/usr/bin:/bin")
        return {**values, "PATH": f"{VENV}/bin:{path}"}

    @cached_property
    def _common(self) -> Mapping[str, str]:
        environments = list(self._environments.values())
        shared = dict(environments[0].items())
        for other in environments[1:]:
            shared = {name: value for name, value in shared.items() if other.get(name) == value}
        return shared

    def _images(self) -> Iterator[str]:
        """What services have in common, then each service; one that is alone needs no stage below it."""
        services = self._plan.services
        if len(services) == 1:
            yield self._service(services[0], self._below(self._stages[services[0].name]))
            return
        yield "\n".join(self._below(_RUNTIME))
        for service in services:
            yield self._service(service, [f"FROM {_RUNTIME} AS {self._stages[service.name]}"])

    def _below(self, stage: str) -> list[str]:
        service, run = self._plan.services[0], self._foundation.run
        owned = any(each.owned for each in self._plan.services)
        return [
            f"FROM {run.use if run is not None else 'scratch'} AS {stage}",
            *([f"COPY --from={PACKAGES} {IMAGE}/ /"] if run is None else []),
            rendering.assignments("ENV", self._common),
            *([] if owned else [f"WORKDIR {service.working_directory}"]),
            f"STOPSIGNAL {service.stop_signal}",
        ]

    def _service(self, service: ServicePlan, below: Iterable[str]) -> str:
        carried = self._inputs.carried
        own = {
            name: value for name, value in self._environments[service.name].items() if self._common.get(name) != value
        }
        packages = tuple(package.name for package in service.system_packages)
        support = [str(self._inputs.support / file.destination.name) for file in service.support]
        lines = [*below, rendering.assignments("LABEL", self._labels(service))]
        if own:
            lines.append(rendering.assignments("ENV", own))
        programs = _of(carried.programs, service.name) + _of(carried.libraries, service.name)
        if programs:
            lines.append(self._install(programs))
        # A volume that is new takes the owner of the folder that it is mounted over.
        # One that the service owns is made so, too: WORKDIR would make it root's.
        empty = [f"{BUILD_FOLDER}/"]  # files are mounted into it, in stages above the builder's
        lines += [
            rendering.copy(empty, f"{path}/", service.user, _BUILDER)
            for path in sorted({*service.volumes, *service.owned})  # a folder before those in it
        ]
        if any(each.owned for each in self._plan.services):
            lines.append(f"WORKDIR {service.working_directory}")
        if packages:
            lines.append(f"COPY --from={PACKAGES} {self._library_sets[packages]}/ /")
        lines.append(f"COPY --from={self._dependency_stage(service)} {VENV} {VENV}")
        if support:
            lines.append(rendering.copy(support, f"{service.support[0].destination.parent}/"))
        lines += [line for names, line in carried.copies if service.name in names]
        root = _application_root(service)
        lines += rendering.copies(self._inputs.pieces[service.name], root, service.user)
        lines.append(f"USER {service.user}")
        if service.stop_signal != self._plan.services[0].stop_signal:
            lines.append(f"STOPSIGNAL {service.stop_signal}")
        if service.container_ports:
            lines.append(f"EXPOSE {' '.join(map(str, service.container_ports))}")
        if service.health is not None:
            lines.append(rendering.healthcheck(service.health, self._interpreted(service.health.argv)))
        lines.append(f"ENTRYPOINT {rendering.exec_form(entry_point(self._plan, service))}")
        return "\n".join(lines)

    def _interpreted(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """A command of the plan with the interpreter of this foundation."""
        planned = str(self._plan.base.runtime.executable)
        return tuple(str(self._foundation.interpreter) if word == planned else word for word in argv)

    def _labels(self, service: ServicePlan) -> Mapping[str, str]:
        return {"org.opencontainers.image.title": f"{self._inputs.title}-{service.name}"}

    def _debug(self, service: ServicePlan) -> str:
        """The same files below a shell: for a look inside, never for production."""
        stage = self._stages[service.name]
        build = self._foundation.build
        return "\n".join(
            (
                f"FROM {build.use} AS {stage}-debug",
                f"COPY --from={stage} / /",
                rendering.assignments("ENV", {**self._common, **self._environments[service.name]}),
                f"WORKDIR {service.working_directory}",
                f"USER {service.user}",
                'ENTRYPOINT ["/bin/sh"]',
            )
        )


def entry_point(plan: Plan, service: ServicePlan) -> tuple[str, ...]:
    """The plan's entry point, through the virtual environment."""
    planned = str(plan.base.runtime.executable)
    return tuple(str(VENV / "bin" / "python") if word == planned else word for word in service.entry_point)


def _application_root(service: ServicePlan) -> PurePosixPath:
    """The folder of the image that stands for the project's root."""
    for file in service.application:
        depth = len(file.source.parts)
        if file.destination.parts[-depth:] == file.source.parts:
            return PurePosixPath(*file.destination.parts[:-depth])
    return service.working_directory


def _of(given: tuple[tuple[frozenset[str], tuple[str, ...]], ...], service: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for services, names in given if service in services for name in names))
