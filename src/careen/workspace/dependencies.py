"""What an install brings and what it weighs, as far as files of the repository tell.

Weights are those of the wheels that a lock names, which are compressed: what lies in the image is more, never less.
"""

import re
from dataclasses import field
from pathlib import PurePosixPath

from careen.dockerfile.actions import Install
from careen.text.values import dataclass
from careen.workspace.files import normal_path
from careen.workspace.lock_outline import LockOutline, OutlinedPackage, outline
from careen.workspace.model import ImageSource, PythonProject, Workspace

CUDA_BYTES = 2_800_000_000
"""The least that torch with CUDA takes as installed; releases since 2.0 take up to 8 GB."""

_CUDA_NAME = re.compile(
    r"nvidia-[a-z0-9-]+-cu\d+|nvidia-(?:cublas|cudnn|cuda-[a-z]+|cufft|nccl|cusparse)[a-z0-9-]*|triton"
)
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_TORCH_USERS = (
    "torch torchvision torchaudio sentence-transformers easyocr openai-whisper whisperx docling marker-pdf surya-ocr "
    "ultralytics accelerate timm pyannote-audio fairseq flair bertopic lightning pytorch-lightning peft diffusers "
    "doctr unstructured-inference"
)
_BRING_TORCH = frozenset(_TORCH_USERS.split())
"""Distributions that require torch whatever their extras."""
_CPU_MARKS = ("/whl/cpu", "+cpu")
_LOCK_OF = {"pipenv": "Pipfile.lock", "poetry": "poetry.lock"}
_GPU_ONLY = {"onnxruntime-gpu": 250_000_000, "vllm": CUDA_BYTES, "bitsandbytes": 60_000_000, "xformers": CUDA_BYTES}
"""Distributions that are of no use without a GPU, and the least that they bring."""
_GPU_EXTRA = re.compile(r"(?P<name>tensorflow|jax)\[[^\]]*(?:cuda)[^\]]*\]", re.IGNORECASE)
_CUPY = re.compile(r"cupy-cuda\d+x?")
_CUPY_BYTES = 100_000_000
_LOCAL_CUDA = re.compile(r"\b(?P<name>[A-Za-z][\w.-]*)\s*(?:\[[^\]]*\])?\s*==\s*[\w.]+\+cu\d+")
_MOST_REQUIREMENT_FILES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuBuild:
    """``reason`` names what brings CUDA; ``locked`` when a lock says so rather than a list of names."""

    reason: str
    bytes: int
    locked: bool


@dataclass(frozen=True)
class Dependencies:
    """Reads locks and requirement files when a rule asks for them, each once."""

    workspace: Workspace
    _locks: dict[PurePosixPath, LockOutline | None] = field(default_factory=dict, compare=False, repr=False)

    def gpu_build(self, image: ImageSource, project: PythonProject | None, install: Install) -> GpuBuild | None:
        """None when the install brings no CUDA, or nobody can tell."""
        if install.whole_project or (install.installs_project and install.manager != "pip"):
            if project is None or install.manager == "pipenv":
                return self._gpu_in_lock_alone(image, install)
            return self._gpu_in_lock(project, install)
        names, text = self._required(image, install)
        if any(mark in text for mark in _CPU_MARKS):
            return None
        if (special := _special(names, text)) is not None:
            name, weight = special
            return GpuBuild(reason=f"{install.manager} installs {name}", bytes=weight, locked=False)
        if "--no-deps" in install.options:
            names &= {"torch", "torchvision", "torchaudio"}
        cuda = sorted(name for name in names if _CUDA_NAME.fullmatch(name) and name != "triton")
        culprits = sorted(names & _BRING_TORCH)
        if "torch" in culprits:
            culprits = ["torch"]
        if not cuda and not culprits:
            return None
        named = cuda[0] if cuda else culprits[0]
        reason = f"{install.manager} installs {named}" + ("" if cuda or named == "torch" else ", which requires torch")
        return GpuBuild(reason=reason, bytes=CUDA_BYTES, locked=False)

    def _gpu_in_lock(self, project: PythonProject, install: Install) -> GpuBuild | None:
        path = project.lock_path
        text = self.workspace.files.text_or_none(path) if path is not None else None
        if path is None or text is None or '"nvidia-' not in text:
            return None
        if path.name != "uv.lock":
            return GpuBuild(reason=f"{path.name} has the CUDA build of torch", bytes=CUDA_BYTES, locked=True)
        packages = self.synced(project, install)
        cuda = [package for package in packages if _CUDA_NAME.fullmatch(package.name)]
        if not any(package.name.startswith("nvidia-") for package in cuda):
            return None
        asks = next((package.name for package in packages if package.name == "torch"), cuda[0].name)
        return GpuBuild(
            reason=f"uv installs the CUDA build of {asks}", bytes=sum(package.bytes for package in cuda), locked=True
        )

    def _gpu_in_lock_alone(self, image: ImageSource, install: Install) -> GpuBuild | None:
        """By a lock that no pyproject.toml stands beside."""
        name = _LOCK_OF.get(install.manager)
        for folder in (image.context, image.dockerfile_path.parent) if name else ():
            text = self.workspace.files.text_or_none(normal_path(folder / str(name)))
            if text is not None:
                if '"nvidia-' not in text:
                    return None
                return GpuBuild(reason=f"{name} has the CUDA build of torch", bytes=CUDA_BYTES, locked=True)
        return None

    def _required(self, image: ImageSource, install: Install) -> tuple[frozenset[str], str]:
        """Names in an install, files with ``-r`` followed, and the text of all that was read."""
        texts = [" ".join(install.command.argv)]
        names = {_normal(name) for package in install.packages if (name := _name_of(package))}
        waiting = [self.requirement_file(image, name) for name in install.requirement_files]
        seen: set[PurePosixPath] = set()
        while waiting and len(seen) < _MOST_REQUIREMENT_FILES:
            path = waiting.pop()
            if path is None or path in seen:
                continue
            seen.add(path)
            text = self.workspace.files.text_or_none(path) or ""
            texts.append(text)
            for line in text.splitlines():
                words = line.split("#")[0].split()
                if words[:1] in (["-r"], ["--requirement"]) and len(words) > 1:
                    waiting.append(normal_path(path.parent / words[1]))
                elif words and not words[0].startswith("-") and (name := _name_of(line)) and not _elsewhere(line):
                    names.add(_normal(name))
        return frozenset(names), "\n".join(texts)

    def requirement_file(self, image: ImageSource, name: str) -> PurePosixPath | None:
        """A file of requirements in the repository: by its path in the context, or where a COPY took it from."""
        plain = PurePosixPath(name)
        candidates = [image.context / str(plain).lstrip("/"), image.dockerfile_path.parent / plain.name]
        for stage in image.stages.stages:
            for instruction in stage.instructions:
                if instruction.keyword in {"COPY", "ADD"} and instruction.flag("from") is None:
                    for source in instruction.arguments[:-1]:
                        path = image.context / source.lstrip("/")
                        candidates.append(path if PurePosixPath(source).name == plain.name else path / plain.name)
        return next((path for path in map(normal_path, candidates) if self.workspace.files.exists(path)), None)

    def lock(self, path: PurePosixPath) -> LockOutline | None:
        """None for a lock of another tool than uv, and for one that cannot be read."""
        if path.name != "uv.lock":
            return None
        if path not in self._locks:
            text = self.workspace.files.text_or_none(path)
            self._locks[path] = None if text is None else outline(text)
        return self._locks[path]

    def synced(
        self, project: PythonProject, install: Install, *, development: bool = True
    ) -> tuple[OutlinedPackage, ...]:
        """What ``uv sync`` installs, with or without the groups that are for developers; empty when nobody can tell."""
        lock = self.lock(project.lock_path) if project.lock_path is not None else None
        entry = lock.project(project.pyproject.name) if lock is not None else None
        if lock is None or entry is None:
            return ()
        groups = [*install.groups]
        if development and install.development:
            groups += entry.groups if "--all-groups" in install.options else project.pyproject.default_groups
        extras = entry.extras if "--all-extras" in install.options else ()
        return lock.closure(entry, groups=groups, extras=extras)

    def development_bytes(self, project: PythonProject, install: Install) -> int | None:
        """What the groups for developers add; None when the lock does not tell."""
        everything = self.synced(project, install)
        kept = {package.name for package in self.synced(project, install, development=False)}
        return sum(package.bytes for package in everything if package.name not in kept) or None

    def installed_bytes(self, project: PythonProject | None, install: Install) -> int | None:
        packages = self.synced(project, install) if project is not None and install.manager == "uv" else ()
        return sum(package.bytes for package in packages) or None


def _special(names: frozenset[str], text: str) -> tuple[str, int] | None:
    """What says by its own name, extra or version that it is for GPUs; with the least that it brings."""
    extra = _GPU_EXTRA.search(text)
    if extra is not None and extra["name"].lower() in names:
        return extra[0], CUDA_BYTES
    asked = _LOCAL_CUDA.search(text)
    if asked is not None and _normal(asked["name"]) in names:
        return "".join(asked[0].split()), CUDA_BYTES
    for name in sorted(names):
        if name in _GPU_ONLY:
            return name, _GPU_ONLY[name]
        if _CUPY.fullmatch(name):
            return name, _CUPY_BYTES
    return None


def _name_of(requirement: str) -> str | None:
    match = _REQUIREMENT.match(requirement.strip("\"'"))
    return match[1] if match is not None else None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _elsewhere(line: str) -> bool:
    """Whether a requirement's marker keeps it off Linux on amd64."""
    marker = line.partition(";")[2]
    return (
        any(word in marker for word in ("darwin", "win32", "Windows", "Darwin", "aarch64", "arm64"))
        and "!=" not in marker
    )
