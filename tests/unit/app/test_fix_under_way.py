"""From reading to writing: files that change in between, repairs of one text, commands that nobody knows whole."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from careen.app.building import BuildRequest, build
from careen.app.plan_request import PlanRequest
from careen.app.rewrite import Proposal, mend_on, propose, propose_or_mend, read_for_mending, write
from careen.build.engine import BuildOptions
from careen.errors import ExitCode
from careen.findings import FixKind
from careen.plan.obstacles import UnsaidWordError
from careen.platforms import Platform
from careen.rewrite.apply import CannotApplyError
from careen.rewrite.mending import patch_of
from careen.rewrite.options import RewriteOptions
from fakes.cases import stand_up
from fakes.index import FakeIndex, serve
from fakes.sessions import FakeSession, fake_session

CASES = Path(__file__).parents[2] / "cases"


@dataclass(frozen=True)
class Stack:
    """Two services, with an index and a mirror that have what they need."""

    root: Path
    session: FakeSession

    @property
    def request(self) -> PlanRequest:
        return PlanRequest(root=self.root, platform=Platform.parse("linux/amd64"))

    def proposed(self) -> Proposal:
        # Pinned lists in place of groups: uv would have to lock groups, with an index of its own choice.
        return propose(self.session, self.request, RewriteOptions(accept=True, lists=True))

    def tree(self) -> dict[str, bytes]:
        paths = [path for path in sorted(self.root.rglob("*")) if path.is_file()]
        return {str(path.relative_to(self.root)): path.read_bytes() for path in paths}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with serve(FakeIndex()) as index:
        root = stand_up(CASES / "plan" / "two-services", tmp_path, index)
        session = fake_session(tmp_path, index.address)
        yield Stack(root, session)
        session.close()


def test_what_is_proposed_is_written_and_a_second_run_changes_nothing(stack: Stack) -> None:
    written = write(stack.proposed())

    assert PurePosixPath("Dockerfile") in written.paths
    assert written.ended
    assert not written.unkept
    after = stack.tree()
    assert stack.proposed().patch.changes == ()
    assert stack.tree() == after


def edited(root: Path) -> None:
    path = root / "docker-compose.yml"
    path.write_text(path.read_text() + "# a colleague was here\n")


def removed(root: Path) -> None:
    (root / "Dockerfile").unlink()


def made(root: Path) -> None:
    (root / "docker" / "careen").mkdir(parents=True)
    (root / "docker" / "careen" / "health.py").write_text("mine = True\n")


@pytest.mark.parametrize(
    ("happens", "told"),
    [
        (edited, "docker-compose.yml: changed since it was read; nothing was changed"),
        (removed, "Dockerfile: no such file or directory; nothing was changed"),
        (made, "docker/careen/health.py: exists, though it did not when the project was read; nothing was changed"),
    ],
)
def test_a_project_that_changed_since_it_was_read_stays_as_it_is(
    stack: Stack, happens: Callable[[Path], None], told: str
) -> None:
    proposal = stack.proposed()
    happens(stack.root)
    before = stack.tree()

    with pytest.raises(CannotApplyError) as raised:
        write(proposal)

    assert raised.value.message == told
    assert raised.value.exit_code is ExitCode.USAGE
    assert stack.tree() == before


def test_a_copy_is_not_made_of_a_project_that_changed_since_it_was_read(stack: Stack, tmp_path: Path) -> None:
    proposal = stack.proposed()
    edited(stack.root)

    with pytest.raises(CannotApplyError, match="changed since it was read"):
        write(proposal, into=tmp_path / "copy")

    assert not (tmp_path / "copy").exists()


def obstructed(stack: Stack) -> None:
    path = stack.root / "docker-compose.yml"
    text = path.read_text()
    path.write_text(
        text.replace("uvicorn shop.web:app --host 0.0.0.0", 'sh -c "exec uvicorn shop.web:app --host $$SHOP_HOST"')
    )


def test_a_command_with_a_word_that_nobody_says_is_not_built(stack: Stack, tmp_path: Path) -> None:
    obstructed(stack)

    with pytest.raises(UnsaidWordError) as raised:
        build(
            stack.session,
            BuildRequest(plan=stack.request, output=tmp_path / "images", options=BuildOptions(bytecode=False)),
        )

    assert raised.value.message == (
        "docker-compose.yml:4: web: nothing here says what SHOP_HOST in its command stands for"
    )
    assert "compose" in raised.value.hints[0]
    assert "[tool.careen.services.web]" in raised.value.hints[1]
    assert raised.value.exit_code is ExitCode.USAGE
    assert not (tmp_path / "images").exists()


def test_a_command_with_a_word_that_nobody_says_is_not_recast(stack: Stack) -> None:
    obstructed(stack)
    before = stack.tree()

    proposal = propose_or_mend(stack.session, stack.request, RewriteOptions(accept=True))

    assert isinstance(proposal.problem, UnsaidWordError)
    assert proposal.problem.message.startswith("docker-compose.yml:4: web:")
    assert proposal.problem.hints
    assert proposal.mending is not None
    assert stack.tree() == before


def test_once_somebody_says_the_word_the_command_is_built_with_it(stack: Stack) -> None:
    obstructed(stack)
    path = stack.root / "docker-compose.yml"
    path.write_text(path.read_text().replace("    build: .\n", "    build: .\n    environment: {SHOP_HOST: '::'}\n", 1))

    proposal = stack.proposed()

    (dockerfile,) = (change.after for change in proposal.patch.changes if change.path.name == "Dockerfile")
    assert dockerfile is not None
    assert '"--host", "::"]' in dockerfile


def test_repairs_of_the_same_text_are_made_one_after_the_other(tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(CASES / "rewrite" / "mend-requirements" / "input", root)
    read = read_for_mending(root)
    assert read.mending is not None
    patch = patch_of(read.facts, read.mending)
    (clash,) = (refusal for refusal in patch.refusals if "changes the same text" in refusal.reason)
    assert (str(clash.path), clash.line, clash.stops) == ("Dockerfile", 3, False)

    first = write(Proposal(facts=read.facts, config=read.config, patch=patch))
    half = (root / "Dockerfile").read_text()
    written = mend_on(first, (), safe_only=False)

    assert (root / "Dockerfile").read_text() != half
    assert len(written.ended) > len(first.ended)
    again = read_for_mending(root)
    assert again.mending is not None
    assert patch_of(again.facts, again.mending).changes == ()


def test_only_safe_repairs_are_gone_on_with_unless_more_are_wanted(tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(CASES / "rewrite" / "mend-requirements" / "input", root)
    read = read_for_mending(root)
    assert read.mending is not None
    safe = patch_of(read.facts, read.mending, lambda mend: mend.disposition is FixKind.SAFE)

    mend_on(write(Proposal(facts=read.facts, config=read.config, patch=safe)), (), safe_only=True)

    again = read_for_mending(root)
    assert again.mending is not None
    assert {mend.disposition for mend in again.mending.mends} <= {FixKind.REVIEW}
