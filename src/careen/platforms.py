"""The machine an image is for, under the names its several worlds give it."""

from enum import Enum

from careen.errors import CareenError
from careen.text.values import dataclass


class UnknownPlatformError(CareenError):
    """Not one of the platforms careen builds for."""


class Architecture(Enum):
    """An instruction set, by the name of the OCI image specification (Go's GOARCH)."""

    AMD64 = "amd64"
    ARM64 = "arm64"

    @property
    def machine(self) -> str:
        """The kernel's name (``uname -m``), which wheel tags and ``platform_machine`` use."""
        return {Architecture.AMD64: "x86_64", Architecture.ARM64: "aarch64"}[self]

    @property
    def debian(self) -> str:
        return self.value

    @property
    def multiarch(self) -> str:
        """Debian's library folder, as in ``/usr/lib/x86_64-linux-gnu``."""
        return f"{self.machine}-linux-gnu"


@dataclass(frozen=True, slots=True)
class Platform:
    """Linux on an architecture; its text form is ``linux/amd64``."""

    architecture: Architecture

    @classmethod
    def parse(cls, text: str) -> "Platform":
        """Raises UnknownPlatformError."""
        aliases = {"x86_64": "amd64", "aarch64": "arm64"}
        system, _, name = text.partition("/")
        known = {architecture.value: architecture for architecture in Architecture}
        architecture = known.get(aliases.get(name, name))
        if system != "linux" or architecture is None:
            choices = ", ".join(f"linux/{value}" for value in known)
            raise UnknownPlatformError(f"unknown platform {text!r}", hints=(f"known platforms: {choices}",))
        return cls(architecture)

    def __str__(self) -> str:
        return f"linux/{self.architecture.value}"
