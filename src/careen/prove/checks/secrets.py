"""Nothing that looks like a secret is in the image, its environment or its history.

Files that distributions brought are public already; the application's own, and whatever else lies about, are judged by
their names and by what private keys and access keys look like.
"""

import re

from careen.ignorefile.causes import Cause, file_cause
from careen.oci.filesystem import ImageFile
from careen.oci.layer_entries import EntryKind
from careen.prove.evidence import CheckResult, Evidence, judged
from careen.prove.installed import owned_files
from careen.prove.subjects import ImageSubject

SLUG = "secrets"

_LARGEST_READ = 64 * 1024
_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----")
_ACCESS_KEY = re.compile(
    rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20}\b"
    rb"|\bxox[baprs]-[\w-]{10,}|\bsk_live_[A-Za-z0-9]{16,}|\bpypi-AgE[\w-]{50,}"
)
_TELLING_NAME = re.compile(r"(?:PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL)S?(?:_|$)", re.IGNORECASE)
_NO_SECRET = re.compile(r"(?:_FILE|_PATH|_URL|_NAME|_EXPIRY|_TTL|_LENGTH|_ALGORITHM|_TYPE)$", re.IGNORECASE)
_BYTECODE = re.compile(r"(?P<folder>(?:.*/)?)__pycache__/(?P<module>[^/.]+)\.[^/]+\.pyc")
_SYSTEM = ("usr/share/", "usr/lib/", "usr/bin/", "usr/sbin/", "lib/", "etc/ssl/certs/", "var/lib/dpkg/")
_FOLDERS = frozenset({".ssh", ".aws", ".gnupg", ".kube", ".azure"})


def check(subject: ImageSubject) -> CheckResult:
    image = subject.image
    public = owned_files(image)
    complaints: list[str] = []
    looked_at = 0
    for file in image.files:
        if file.kind is not EntryKind.FILE or _is_public(file.path, public) or file.path.startswith(_SYSTEM):
            continue
        looked_at += 1
        reason = _by_name(file) or _by_content(image.read(file.path, _LARGEST_READ))
        if reason:
            complaints.append(f"/{file.path} {reason}")
    for name, value in image.config.run.environment:
        if value and _TELLING_NAME.search(name) and not _NO_SECRET.search(name):
            complaints.append(f"the image's environment sets {name}")
        elif reason := _by_content(value.encode()):
            complaints.append(f"the image's environment, {name}, {reason}")
    said = (_by_content(f"{entry.created_by} {entry.comment}".encode()) for entry in image.config.history)
    complaints += [f"the image's history {reason}" for reason in said if reason]
    summary = f"{looked_at} files of the application, {len(image.config.run.environment)} variables"
    return judged(SLUG, tuple(complaints), Evidence(summary=f"nothing that looks like one in {summary}"))


def _is_public(path: str, public: frozenset[str]) -> bool:
    """What was compiled from a distribution's source says no more than that, wherever it was done."""
    match = _BYTECODE.fullmatch(path)
    return path in public or (match is not None and f"{match['folder']}{match['module']}.py" in public)


def _by_name(file: ImageFile) -> str:
    folders, _, name = file.path.rpartition("/")
    if _FOLDERS.intersection(folders.split("/")) or file_cause(name, None) is Cause.SECRETS:
        return "is named like a secret"
    return ""


def _by_content(data: bytes) -> str:
    if _PRIVATE_KEY.search(data):
        return "holds a private key"
    if _ACCESS_KEY.search(data):
        return "holds an access key"
    return ""
