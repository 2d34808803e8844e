"""Programs that take the words of docker's and buildah's clients, of uv and of git, write down what they were asked,
and print what the real ones print (buildx 0.13, BuildKit's ``--progress=plain``, buildah 1.28).
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROGRAM = """\
#!{python}
import json, os, shutil, sys, time
from pathlib import Path

folder = Path({folder!r})
words = sys.argv[1:]
asked = {{"words": words, "buildkit": os.environ.get("DOCKER_BUILDKIT"), "sees": sorted(os.environ)}}
with (folder / "asked").open("a") as log:
    log.write(json.dumps(asked) + "\\n")
answers = json.loads((folder / "answers").read_text())
for answer in answers:
    if all(word in words for word in answer["words"]):
        for line in answer["prints"]:
            time.sleep(line) if isinstance(line, float) else print(line, flush=True)
        sys.stderr.write(answer.get("complains", ""))
        for flag, source in answer.get("copies", []):
            target = Path(words[words.index(flag) + 1])
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        for word in words:
            if word.startswith("type=oci,dest="):
                Path(word.removeprefix("type=oci,dest=")).write_bytes(b"an archive")
        sys.exit(answer.get("status", 0))
sys.stderr.write(f"docker: {{words[0]!r}} is not a docker command.\\n")
sys.exit(1)
"""


@dataclass(frozen=True)
class FakeClient:
    """``answers`` are looked through in their order: the first whose words were all given is the one.

    ``copies`` of an answer are files with the word in front of the folder that each goes into.
    """

    folder: Path
    name: str

    @property
    def program(self) -> Path:
        return self.folder / self.name

    def answers(self, *answers: dict[str, Any]) -> None:
        (self.folder / "answers").write_text(json.dumps(answers))

    def asked(self) -> list[dict[str, Any]]:
        log = self.folder / "asked"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def builds(self) -> list[list[str]]:
        return [asked["words"] for asked in self.asked() if "build" in asked["words"]]


def fake_client(folder: Path, name: str) -> FakeClient:
    folder.mkdir(parents=True, exist_ok=True)
    made = FakeClient(folder, name)
    made.program.write_text(_PROGRAM.format(python=sys.executable, folder=str(folder)))
    made.program.chmod(0o755)
    return made
