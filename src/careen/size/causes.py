"""What kind of thing a file of an image is, told by its path; the outermost telling folder decides, then the name.

Not the causes of a build context (:mod:`careen.ignorefile.causes`): there a folder called ``data`` is the user's, here
most of the tree is a distribution's.
"""

import re
from collections.abc import Mapping

from careen.size.model import Cause

_BY_PATH = {
    "app": Cause.APPLICATION,
    "code": Cause.APPLICATION,
    "home": Cause.APPLICATION,
    "opt": Cause.APPLICATION,
    "project": Cause.APPLICATION,
    "root": Cause.APPLICATION,
    "service": Cause.APPLICATION,
    "src": Cause.APPLICATION,
    "srv": Cause.APPLICATION,
    "usr/src": Cause.APPLICATION,
    "workspace": Cause.APPLICATION,
    "lib/apk": Cause.PACKAGE_RECORDS,
    "tmp": Cause.TEMPORARY,
    "usr/include": Cause.TOOLCHAIN,
    "usr/lib/apk": Cause.PACKAGE_RECORDS,
    "usr/lib/gcc": Cause.TOOLCHAIN,
    "usr/lib/git-core": Cause.TOOLCHAIN,
    "usr/lib/locale": Cause.LOCALES,
    "usr/libexec/gcc": Cause.TOOLCHAIN,
    "usr/local/include": Cause.TOOLCHAIN,
    "usr/local/man": Cause.DOCUMENTATION,
    "usr/local/share/man": Cause.DOCUMENTATION,
    "usr/share/doc": Cause.DOCUMENTATION,
    "usr/share/doc-base": Cause.DOCUMENTATION,
    "usr/share/i18n": Cause.LOCALES,
    "usr/share/info": Cause.DOCUMENTATION,
    "usr/share/locale": Cause.LOCALES,
    "usr/share/man": Cause.DOCUMENTATION,
    "var/cache": Cause.OTHER_CACHES,
    "var/cache/apt": Cause.APT_CACHE,
    "var/cache/debconf": Cause.PACKAGE_RECORDS,
    "var/lib/apt": Cause.PACKAGE_RECORDS,
    "var/lib/apt/lists": Cause.APT_LISTS,
    "var/lib/dpkg": Cause.PACKAGE_RECORDS,
    "var/lib/rpm": Cause.PACKAGE_RECORDS,
    "var/log": Cause.LOGS,
    "var/tmp": Cause.TEMPORARY,
}

_BY_NAME: Mapping[str, Cause] = {
    ".git": Cause.VERSION_CONTROL,
    ".hg": Cause.VERSION_CONTROL,
    ".svn": Cause.VERSION_CONTROL,
    ".jj": Cause.VERSION_CONTROL,
    "node_modules": Cause.NODE_MODULES,
    "bower_components": Cause.NODE_MODULES,
    ".cache": Cause.OTHER_CACHES,
    ".npm": Cause.OTHER_CACHES,
    ".mypy_cache": Cause.OTHER_CACHES,
    ".pytest_cache": Cause.OTHER_CACHES,
    ".ruff_cache": Cause.OTHER_CACHES,
    ".ipynb_checkpoints": Cause.OTHER_CACHES,
    "__pycache__": Cause.BYTECODE,
    "test": Cause.TESTS,
    "tests": Cause.TESTS,
    "docs": Cause.DOCUMENTATION,
    "http-v2": Cause.PIP_CACHE,
    "conda": Cause.ENVIRONMENT,
    "miniconda3": Cause.ENVIRONMENT,
    "miniforge3": Cause.ENVIRONMENT,
    "anaconda3": Cause.ENVIRONMENT,
    "conda-meta": Cause.PACKAGE_RECORDS,
    ".venv": Cause.ENVIRONMENT,
    "venv": Cause.ENVIRONMENT,
    ".virtualenv": Cause.ENVIRONMENT,
    "site-packages": Cause.UNRECORDED,
    "dist-packages": Cause.UNRECORDED,
}

_STANDARD_TOP = frozenset(
    {"bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "media", "mnt", "proc", "run", "sbin", "sys"}
    | {"usr", "var"}
)
"""Folders of the file system hierarchy standard; any other one at the top is somebody's own."""

_SUFFIXES = {
    suffix: cause
    for cause, suffixes in {
        Cause.BYTECODE: "pyc pyo",
        Cause.STATIC_LIBRARIES: "a",
        Cause.TOOLCHAIN: "h hpp hxx cuh",
        Cause.LOGS: "log",
        Cause.LOCALES: "mo",
        Cause.DATA: (
            "csv tsv parquet feather arrow avro jsonl ndjson sqlite sqlite3 db dump npy npz h5 hdf5 pkl pickle joblib "
            "gz tgz bz2 xz zst zip 7z rar tar xlsx sql onnx pt pth safetensors gguf tflite"
        ),
    }.items()
    for suffix in suffixes.split()
}

_UV_BUCKETS = re.compile(r"(?:archive|builds|environments|git|interpreter|sdists|simple|wheels|binaries|osv)-v\d+")
_STANDARD_LIBRARY = re.compile(r"python3(?:\.\d+t?)?")
_MANAGED_PYTHON = re.compile(r"(?:cpython|pypy)-\d+\.\d+.*")
_INTERPRETERS = re.compile(
    r"(?:python|idle|pydoc|2to3)(?:3(?:\.\d+)?)?t?(?:-config)?|libpython3.*\.so.*|pip3?(?:\.\d+)?"
)
_INSTALLERS = frozenset({"uv", "uvx", "uvw", "poetry", "pdm", "pipenv", "pixi", "micromamba", "rye", "hatch"})
_BINARIES = ("bin", "usr/bin", "usr/local/bin", "lib", "usr/lib", "usr/local/lib")
_CONDA_CACHE = re.compile(r"(?:.*/)?(?:conda|miniconda3|miniforge3|anaconda3)/pkgs")

_SETTLED = frozenset(
    {
        Cause.NODE_MODULES,
        Cause.DOCUMENTATION,
        Cause.LOCALES,
        Cause.PIP_CACHE,
        Cause.UV_CACHE,
        Cause.APT_LISTS,
        Cause.APT_CACHE,
        Cause.VERSION_CONTROL,
        Cause.TESTS,
        Cause.BYTECODE,
        Cause.PACKAGE_RECORDS,
        Cause.LOGS,
    }
)
"""What lies in folders of these is of their kind, whatever it is called. ``tmp`` may hold a cache, ``.cache`` pip's."""


DEEPEST = 12
"""Parts of a path; what lies deeper is told by its name and by what is above."""


class FolderCauses:
    """Folders are asked about from the root down, each with what was answered for the one above.

    Paths may be given as empty from ``DEEPEST`` on.
    """

    def __init__(self, working_directory: str) -> None:
        """``working_directory`` is the configuration's: what lies there is the application."""
        self._application = working_directory.strip("/")

    def folder(self, path: str, name: str, above: Cause) -> Cause:
        exact = _BY_PATH.get(path)
        if exact is not None:
            return exact
        if above in _SETTLED:
            return above
        if above is Cause.OTHER_CACHES and name in ("pip", "uv"):
            return Cause.PIP_CACHE if name == "pip" else Cause.UV_CACHE
        if path and path == self._application:
            return Cause.APPLICATION
        if above is Cause.INTERPRETER:
            return _BY_NAME.get(name, above)
        if _is_interpreter(path, name):
            return Cause.INTERPRETER
        if _UV_BUCKETS.fullmatch(name):
            return Cause.UV_CACHE
        if name == "pkgs" and _CONDA_CACHE.fullmatch(path):
            return Cause.OTHER_CACHES
        otherwise = Cause.APPLICATION if path == name and name not in _STANDARD_TOP else above
        return _BY_NAME.get(name, otherwise)

    def file(self, name: str, folder_path: str, folder: Cause) -> Cause:
        if folder in _SETTLED:
            return folder
        if folder_path in _BINARIES:
            if name in _INSTALLERS:
                return Cause.INSTALLERS
            if _INTERPRETERS.fullmatch(name):
                return Cause.INTERPRETER
        stem, dot, suffix = name.rpartition(".")
        cause = _SUFFIXES.get(suffix.lower()) if dot and stem else None
        if cause is Cause.DATA and folder not in (Cause.APPLICATION, Cause.ENVIRONMENT):
            return folder
        return folder if cause is None else cause


def _is_interpreter(path: str, name: str) -> bool:
    above = path.rpartition("/")[0]
    if above in ("usr/lib", "usr/local/lib") and _STANDARD_LIBRARY.fullmatch(name):
        return True
    return bool(_MANAGED_PYTHON.fullmatch(name)) and above.endswith("/python")
