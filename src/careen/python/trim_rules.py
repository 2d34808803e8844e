"""What of an installed distribution nothing needs at run time, told by its path alone.

Because only paths are asked, a size can be predicted from a wheel's directory with the same words that later decide
what is installed. What keeps it harmless: of test suites only folders of that very name go, never the ``testing``
packages that numpy, torch and pandas import at run time; headers and sources stay with packages that compile at run
time; stubs stay where a package may read them itself (``lazy_loader`` reads ``__init__.pyi``, jedi and mypy all).
Whoever changes what is cut raises :data:`careen.python.trimming.VERSION`.
"""

import re

_DEVELOPMENT_SUFFIXES = (
    ".a",
    ".c",
    ".cc",
    ".cmake",
    ".cpp",
    ".cuh",
    ".cxx",
    ".f90",
    ".h",
    ".hh",
    ".hpp",
    ".hxx",
    ".inl",
    ".la",
    ".pc",
    ".pdb",
    ".pxd",
    ".pxi",
    ".pyi",
    ".pyx",
)
"""Headers, static libraries, stubs, and sources that were compiled long ago. CUDA's are not: what is in a wheel is
compiled where it runs (thinc, cupy).
"""

_COMPILE_AT_RUN_TIME = frozenset(
    {
        "Cython",
        "cffi",
        "cupy",
        "cupy_backends",
        "cupyx",
        "jedi",
        "mypy",
        "numba",
        "nvidia",
        "pybind11",
        "pycuda",
        "pythran",
        "taichi",
        "torch_tensorrt",
        "triton",
        "tvm",
        "typeshed_client",
    }
)
"""Top folders of packages that read headers, sources or stubs while they run."""

_TEST_FOLDERS = frozenset({"test", "tests"})
_FRAMEWORKS_FOR_TESTS = re.compile(r"(?:django/test|twisted/trial|starlette|asgiref|odoo/tests)/.*")
"""Which a project's own code may import; they are small."""

_TORCH_TESTS = re.compile(
    r"torch/(?:bin/(?:test_.*|.*_test|.*Test|protoc.*)|lib/lib(?:.*_test|aoti_custom_ops|backend_with_compiler)\.so)"
)
"""And the compiler that it was built with. Another package's program of such a name may be one that it runs."""

_SECOND_COPY = re.compile(r"onnxruntime/capi/libonnxruntime\.so(?:\.[0-9.]+)?")
"""Libraries for programs in C, whose whole content the extension module has inside; no file of the wheel names them."""

_POLLUTION = re.compile(r"(?:docs?|examples?|benchmarks?|tests?)/.*")
"""Folders that a distribution put beside the packages by mistake."""

_METADATA = re.compile(
    r"[^/]+\.dist-info/(?:RECORD\.(?:jws|p7s)|DESCRIPTION\.(?:rst|md)|metadata\.json|pbr\.json|zip-safe)"
)
_SHARED_DATA = re.compile(r"(?:include|share/(?:doc|man|info)|man)/.*")


def is_trimmed(path: str) -> bool:
    """Whether the policies other than NONE leave a file out; ``path`` is relative to the site folder."""
    top, slash, _ = path.partition("/")
    if top.endswith(".dist-info"):
        return _METADATA.fullmatch(path) is not None
    parts = path.split("/")
    if "__pycache__" in parts:
        return True  # the wheel's own bytecode; what is wanted is made anew
    if path.endswith(_DEVELOPMENT_SUFFIXES):
        return top not in _COMPILE_AT_RUN_TIME and parts[-1] != "__init__.pyi" and "typeshed" not in parts
    if not slash or _FRAMEWORKS_FOR_TESTS.fullmatch(path):
        return False
    if any(pattern.fullmatch(path) for pattern in (_POLLUTION, _TORCH_TESTS, _SECOND_COPY)):
        return True
    return not _TEST_FOLDERS.isdisjoint(parts[1:-1])


def is_trimmed_data(path: str) -> bool:
    """The same for files of the ``data`` scheme, relative to the prefix."""
    return _SHARED_DATA.fullmatch(path) is not None
