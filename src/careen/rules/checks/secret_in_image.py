"""A secret is written into the image: by ENV, by a build argument, or as a file.

Whoever can pull the image can read it, from its configuration, its history or its layers; deleting it in a later
layer does not remove it. Use ``RUN --mount=type=secret`` for what a build needs and the runtime's environment or
secrets for what the service needs.

A value that is no secret, such as a dummy key for collecting static files in a single RUN, is not told of;
neither is a variable that names a file (``..._FILE``), nor a file of variables without a secret among them.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from careen.dockerfile.tree import Instruction
from careen.findings import Confidence, Finding, FixKind, Place, Severity, Topic
from careen.ignorefile.causes import Cause
from careen.rules.rule import Rule
from careen.workspace.facts import ContextFacts, ImageFacts, StackFacts
from careen.workspace.steps import CopyStep, RunStep

_NAME = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|PASS|PWD|SECRET|SECRET_?KEY(?:_BASE)?|TOKEN|API_?KEY|APIKEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIALS?|"
    r"AUTH_?KEY|ENCRYPTION_?KEY|SIGNING_?KEY)(?:_ID)?$",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(
    r"dummy|example|fake|placeholder|unused|not[-_ ]?used|not[-_ ]?(?:so[-_ ]?|a[-_ ]?)?secret|build|ignore|undefined|"
    r"collectstatic|temporary|override|replace|your[-_ ]|fixme|todo|change[-_ ]?(?:me|it|this)|default|insecure|unsafe",
    re.IGNORECASE,
)
_NO_VALUE = re.compile(r"none|null|true|false|yes|no|n/?a|\d{1,4}|tmp|temp|random|<.*>|x+|\*+|\.+|/.*", re.IGNORECASE)
_CREDENTIALS = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@$]+:(?P<password>[^/\s@$]{3,})@", re.IGNORECASE)
_WELL_KNOWN = frozenset(
    {"postgres", "password", "guest", "root", "admin", "user", "redis", "changeme", "secret", "pass", "test"}
)


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        for stage in image.stages:
            shipped = stage.index in image.ancestry
            for instruction in stage.instructions:
                if instruction.keyword in {"ENV", "ARG"} and shipped:
                    yield from _variables(rule, image, instruction)
        for run in image.runs:
            if run.in_image:
                yield from _commands(rule, image, run)
    for context in facts.contexts:
        for image in context.images:
            for copy in image.copies:
                if copy.origin is None and (copy.in_image or image.carries(copy.stage, copy.target)):
                    yield from _files(rule, facts, context, copy)


def _variables(rule: Rule, image: ImageFacts, instruction: Instruction) -> Iterator[Finding]:
    place = image.place(instruction)
    for name, value in _pairs(instruction):
        secret = _secret_in(name, value)
        if secret is not None:
            yield _at(
                rule,
                image,
                place,
                secret,
                f"{instruction.keyword} {name} puts a secret into the image for everybody to read",
            )
        elif instruction.keyword == "ARG" and not value and _NAME.search(name):
            yield replace(
                rule.finding(
                    place,
                    f"the build argument {name} stays readable in the history of the image",
                    fix=FixKind.REVIEW,
                ),
                confidence=Confidence.LIKELY,
            )


def _commands(rule: Rule, image: ImageFacts, run: RunStep) -> Iterator[Finding]:
    """Addresses with a password in them, which the history shows."""
    for word in (word for command in run.commands for word in command.argv):
        found = _CREDENTIALS.search(word)
        if (
            found is not None
            and found["password"].lower() not in _WELL_KNOWN
            and not _NO_SECRET.search(found["password"])
        ):
            message = "a password in an address of this command stays readable in the history of the image"
            yield _at(rule, image, run.place, found["password"], message)
            return


def _pairs(instruction: Instruction) -> Iterator[tuple[str, str]]:
    if instruction.keyword == "ENV":
        values = instruction.arguments
        for index in range(0, len(values) - 1, 3):
            yield values[index].strip("\"'"), values[index + 1].strip("\"'")
    else:
        for argument in instruction.arguments:
            name, _, value = argument.partition("=")
            yield name, value.strip("\"'")


def _secret_in(name: str, value: str) -> str | None:
    """The part of the value that nobody should see."""
    credentials = _CREDENTIALS.search(value)
    if credentials is not None and credentials["password"].lower() not in _WELL_KNOWN:
        return credentials["password"]
    if not value or "$" in value or _NO_SECRET.search(value) or _NO_VALUE.fullmatch(value):
        return None
    if value.lower() in _WELL_KNOWN:
        return None
    return value if _NAME.search(name) and not any(char.isspace() for char in value.strip()) else None


def _at(rule: Rule, image: ImageFacts, place: Place, secret: str, message: str) -> Finding:
    """With the place of the secret itself, so that no view shows it."""
    source = image.source.dockerfile.source
    for line in range(place.line, place.end_line + 1):
        text = source.slice(source.line_span(line))
        column = text.find(secret)
        if column != -1:
            place = Place(place.path, line, line, column + 1, column + 1 + len(secret))
            break
    return rule.finding(place, message, fix=FixKind.REVIEW)


def _files(rule: Rule, facts: StackFacts, context: ContextFacts, copy: CopyStep) -> Iterator[Finding]:
    secrets = [
        file
        for source in copy.sources
        for file in context.files_at(source)
        if file.cause is Cause.SECRETS and file.bytes and _tells(facts, context, file.path)
    ]
    if secrets:
        names = ", ".join(dict.fromkeys(file.path for file in secrets[:3]))
        more = f" and {len(secrets) - 3} more" if len(secrets) > 3 else ""
        finding = rule.finding(copy.place, f"{names}{more} of the context goes into the image", fix=FixKind.SAFE)
        yield replace(finding, confidence=Confidence.LIKELY)


def _tells(facts: StackFacts, context: ContextFacts, path: str) -> bool:
    """Whether a file of variables has a secret among them, and one of certificates a private key.

    Any other file of this kind is taken to be a secret.
    """
    is_environment = path.rpartition("/")[2].startswith(".env")
    if not is_environment and not path.endswith(".pem"):
        return True
    text = facts.workspace.files.text_or_none(context.path / path)
    if text is None:
        return True
    if not is_environment:
        return "-----BEGIN CERTIFICATE-----" not in text or "PRIVATE KEY-----" in text
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#") and _secret_in(name.strip(), value.split(" #")[0].strip(" \"'")):
            return True
    return False


RULE = Rule(
    slug="secret-in-image",
    topic=Topic.SECRET_IN_IMAGE,
    summary="A secret is written into the image",
    severity=Severity.HIGH,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
