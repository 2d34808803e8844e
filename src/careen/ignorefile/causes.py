"""Why a file weighs on a build context: what kind of thing it is, told by its path."""

from enum import StrEnum


class Cause(StrEnum):
    """Ordered from what never belongs into a context to what does."""

    VERSION_CONTROL = "version control"
    VIRTUAL_ENVIRONMENT = "virtual environment"
    NODE_MODULES = "node_modules"
    CACHES = "caches"
    SECRETS = "secrets"
    NOTEBOOKS = "notebooks"
    DATA = "data"
    TESTS = "tests"
    DOCUMENTATION = "documentation"
    BUILD_ARTEFACTS = "build artefacts"
    LOGS = "logs"
    EDITOR = "editor and CI files"
    OTHER = "everything else"


_FOLDERS = {
    ".git": Cause.VERSION_CONTROL,
    ".hg": Cause.VERSION_CONTROL,
    ".svn": Cause.VERSION_CONTROL,
    ".venv": Cause.VIRTUAL_ENVIRONMENT,
    "venv": Cause.VIRTUAL_ENVIRONMENT,
    ".tox": Cause.VIRTUAL_ENVIRONMENT,
    ".nox": Cause.VIRTUAL_ENVIRONMENT,
    "node_modules": Cause.NODE_MODULES,
    "__pycache__": Cause.CACHES,
    ".mypy_cache": Cause.CACHES,
    ".ruff_cache": Cause.CACHES,
    ".pytest_cache": Cause.CACHES,
    ".hypothesis": Cause.CACHES,
    ".cache": Cause.CACHES,
    ".eggs": Cause.CACHES,
    "notebooks": Cause.NOTEBOOKS,
    ".ipynb_checkpoints": Cause.NOTEBOOKS,
    "data": Cause.DATA,
    "datasets": Cause.DATA,
    "dumps": Cause.DATA,
    "tests": Cause.TESTS,
    "test": Cause.TESTS,
    "docs": Cause.DOCUMENTATION,
    "doc": Cause.DOCUMENTATION,
    "dist": Cause.BUILD_ARTEFACTS,
    "build": Cause.BUILD_ARTEFACTS,
    "htmlcov": Cause.BUILD_ARTEFACTS,
    "logs": Cause.LOGS,
    ".idea": Cause.EDITOR,
    ".vscode": Cause.EDITOR,
    ".github": Cause.EDITOR,
    ".gitlab": Cause.EDITOR,
}
_SUFFIXES = {
    ".ipynb": Cause.NOTEBOOKS,
    ".pyc": Cause.CACHES,
    ".log": Cause.LOGS,
    ".csv": Cause.DATA,
    ".parquet": Cause.DATA,
    ".sqlite": Cause.DATA,
    ".sqlite3": Cause.DATA,
    ".db": Cause.DATA,
    ".dump": Cause.DATA,
    ".sql.gz": Cause.DATA,
    ".npy": Cause.DATA,
    ".h5": Cause.DATA,
    ".pkl": Cause.DATA,
    ".tar": Cause.DATA,
    ".tar.gz": Cause.DATA,
    ".zip": Cause.DATA,
    ".pem": Cause.SECRETS,
    ".key": Cause.SECRETS,
    ".p12": Cause.SECRETS,
    ".pfx": Cause.SECRETS,
    ".whl": Cause.BUILD_ARTEFACTS,
}
_SECRET_NAMES = frozenset(
    {".env", "id_rsa", "id_ed25519", "id_ecdsa", ".netrc", ".pgpass", "credentials.json", ".pypirc"}
)
_HARMLESS_ENV = (".env.example", ".env.sample", ".env.template", ".env.dist", ".env.test")


def cause_of(path: str) -> Cause:
    """By the outermost telling folder, then by the file's own name."""
    parts = path.split("/")
    for part in parts[:-1]:
        cause = _FOLDERS.get(part)
        if cause is not None:
            return cause
        if part.endswith(".egg-info"):
            return Cause.BUILD_ARTEFACTS
    name = parts[-1]
    if name in _SECRET_NAMES or (name.startswith(".env.") and name not in _HARMLESS_ENV):
        return Cause.SECRETS
    for suffix, cause in _SUFFIXES.items():
        if name.endswith(suffix):
            return cause
    if name in {".git", ".gitignore", ".gitattributes", ".gitmodules"}:
        return Cause.VERSION_CONTROL
    return Cause.OTHER
