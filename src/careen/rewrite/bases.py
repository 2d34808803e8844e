"""Which images an emitted Dockerfile stands on, and where the interpreter is in them.

A virtual environment is links to an interpreter: the stage that makes it and the image that runs it have theirs
at the same path, or nothing starts (uv #6782). So both are chosen together here.
"""

from pathlib import PurePosixPath

from careen.errors import CareenError
from careen.plan.target import DebianBase, ImageBase, Plan
from careen.python.names import PythonVersion
from careen.rewrite.options import Runtime
from careen.text.values import dataclass

_DISTROLESS_RELEASE = "trixie"
"""The only Debian that distroless still has a Python for; python3-debian12 was taken down in May 2026."""

_SLIM_INTERPRETERS = PurePosixPath("/usr/local/bin")
_DEBIAN_INTERPRETERS = PurePosixPath("/usr/bin")


class ForeignBaseError(CareenError):
    """The plan stands on an image of which nobody knows how its Dockerfile would be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageArgument:
    """An image that the builder of the stack may replace: ``ARG name=reference``."""

    name: str
    reference: str

    @property
    def use(self) -> str:
        return f"${{{self.name}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """``build`` is where dependencies are installed, ``run`` what services run on: None when it is composed.

    ``composed_of`` are the Debian packages that a composed one is put together from, ``build_packages`` what ``build``
    lacks for Python.
    """

    runtime: Runtime
    interpreter: PurePosixPath
    build: ImageArgument
    run: ImageArgument | None
    build_packages: tuple[str, ...]
    composed_of: tuple[str, ...] = ()


def is_put_together(base: DebianBase | ImageBase) -> bool:
    """Whether a distroless image with this Python has to be composed, since none is published."""
    return isinstance(base, DebianBase) and base.release != _DISTROLESS_RELEASE


def foundation_for(plan: Plan, runtime: Runtime) -> Foundation:
    """Raises ForeignBaseError."""
    version, base = plan.base.runtime.version, plan.base
    if base.c_library.is_musl != (runtime is Runtime.ALPINE):
        raise ForeignBaseError(
            f"the plan is made for {base.label}, whose C library is {base.c_library.kind.value}, and not for {runtime}",
            hints=('name the base that the images shall have: base = "alpine" in [tool.careen], or none',),
        )
    if isinstance(base, ImageBase) and base.c_library.is_musl:
        return _alpine(base)
    if isinstance(base, ImageBase) and base.described:
        return _described(base, runtime)
    if isinstance(base, ImageBase):
        raise ForeignBaseError(
            f"{base.label} is a base for images that careen builds; a set-up is written for bases that it knows",
            hints=("name debian:bookworm or debian:trixie as base, or build with `careen build --base`",),
        )
    if runtime is Runtime.SLIM:
        return _slim(version, base)
    return _distroless(version, base)


def _described(base: ImageBase, runtime: Runtime) -> Foundation:
    """The official slim image, of a Python that Debian does not carry and distroless therefore has not."""
    if runtime is not Runtime.SLIM:
        raise ForeignBaseError(
            f"there is no {runtime} image with Python {base.runtime.version}, which Debian does not carry",
            hints=("leave out --runtime, or say --runtime slim",),
        )
    image = ImageArgument(name="PYTHON_IMAGE", reference=base.label)
    return Foundation(runtime=runtime, interpreter=base.runtime.executable, build=image, run=image, build_packages=())


def _alpine(base: ImageBase) -> Foundation:
    """The same image to install in and to run on. Raises ForeignBaseError for one that only this disk has."""
    if not base.described and not base.reference:
        raise ForeignBaseError(
            f"{base.label} lies on this disk, where no Dockerfile finds it",
            hints=("name alpine or an image in a registry as base, or build with `careen build --base`",),
        )
    image = ImageArgument(name="PYTHON_IMAGE", reference=base.label)
    return Foundation(
        runtime=Runtime.ALPINE, interpreter=base.runtime.executable, build=image, run=image, build_packages=()
    )


def _slim(version: PythonVersion, base: DebianBase) -> Foundation:
    image = ImageArgument(name="PYTHON_IMAGE", reference=f"python:{version}-slim-{base.release}")
    return Foundation(
        runtime=Runtime.SLIM,
        interpreter=_SLIM_INTERPRETERS / f"python{version}",
        build=image,
        run=image,
        build_packages=(),
    )


def _distroless(version: PythonVersion, base: DebianBase) -> Foundation:
    ready_made = base.release == _DISTROLESS_RELEASE
    run = ImageArgument(name="RUNTIME_IMAGE", reference="gcr.io/distroless/python3-debian13:nonroot")
    return Foundation(
        runtime=Runtime.DISTROLESS,
        interpreter=_DEBIAN_INTERPRETERS / f"python{version}",
        build=ImageArgument(name="DEBIAN_IMAGE", reference=f"debian:{base.release}-slim"),
        run=run if ready_made else None,
        build_packages=("ca-certificates", f"python{version}"),
        composed_of=()
        if ready_made
        else tuple(sorted({package.name for package in base.packages} - set(base.emptied))),
    )
