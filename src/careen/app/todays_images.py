"""What each image of today weighs, instruction by instruction: by its context, the lock and the Debian mirror."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from careen.app.bases import apt_weight
from careen.app.session import Session
from careen.app.target_lock import TargetLock
from careen.dockerfile.actions import Install
from careen.plan.current import CurrentInputs, contributions, times_counted
from careen.plan.leftovers import Weight
from careen.plan.target import Contribution
from careen.python.contents import DistributionContents
from careen.python.names import PackageName
from careen.workspace.facts import ImageFacts, StackFacts
from careen.workspace.known_bases import debian_packages_in, installed_share

if TYPE_CHECKING:
    from careen.debian.mirror import Archive

SourceCounts = tuple[Mapping[str, int], ...]
"""For each contribution, how often it counts which sources, by their paths below the root."""


@dataclass
class TodaysImages:
    """Each is weighed once, whichever services run it."""

    session: Session
    facts: StackFacts
    _weighed: dict[int, tuple[Contribution, ...]] = field(default_factory=dict)
    _counted: dict[int, SourceCounts | None] = field(default_factory=dict)

    def contributions(
        self, image: ImageFacts | None, target: TargetLock, archive: "Archive"
    ) -> tuple[Contribution, ...]:
        """``target`` is the lock that the image installs, ``archive`` that of its Debian."""
        if image is None:
            return ()
        if id(image) not in self._weighed:
            inputs = self._inputs(image, target, archive)
            found = self._weighed[id(image)] = contributions(image, inputs)
            self._counted[id(image)] = _counted(image, inputs, found)
        return self._weighed[id(image)]

    def counted(self, image: ImageFacts | None) -> SourceCounts | None:
        """Of an image that was weighed; None where counts cannot be told."""
        return self._counted.get(id(image), ())

    def _inputs(self, image: ImageFacts, target: TargetLock, archive: "Archive") -> CurrentInputs:
        context = next((c for c in self.facts.contexts if image in c.images), None)
        sent = context.measure.sent if context is not None else ()
        held = target.contents

        def of_sync(install: Install) -> Weight | None:
            if install not in target.requests:
                return None
            known = [_weight(target, name, held[name]) for name in target.synced(install) if name in held]
            if not known:
                return None
            return Weight(
                installed=sum(weight.installed for weight in known),
                packed=sum(weight.packed for weight in known),
                bytecode=sum(weight.bytecode for weight in known),
            )

        kind = image.known_base.kind if image.known_base is not None else None

        def of_packages(names: Iterable[str], recommends: bool) -> Weight | None:
            present = debian_packages_in(kind)
            announced = apt_weight(self.session, archive, names, recommends=recommends, present=present)
            if announced is None:
                return None
            return replace(announced, installed=round(announced.installed * installed_share(kind)))

        return CurrentInputs(
            context=tuple((file.path, file.bytes) for file in sent),
            synced=of_sync,
            packages=of_packages,
            named={name: _weight(target, name, contents) for name, contents in held.items()},
        )


def _weight(target: TargetLock, name: PackageName, contents: DistributionContents) -> Weight:
    file = target.wheels.get(name) or target.sdists.get(name)
    return Weight(
        installed=contents.installed_bytes,
        packed=file.size or 0 if file is not None else 0,
        bytecode=contents.bytecode_bytes,
    )


def _counted(image: ImageFacts, inputs: CurrentInputs, known: Sequence[Contribution]) -> SourceCounts | None:
    sources = frozenset(path for path, _ in inputs.context if path.endswith(".py"))
    times = times_counted(image, inputs, known, sources)
    folder = image.source.context
    if times is None:
        return None
    return tuple({str(folder / path): count for path, count in item.items()} for item in times)
