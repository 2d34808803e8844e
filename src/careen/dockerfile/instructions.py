"""What a build refuses in an instruction that could be split: BuildKit's frontend/dockerfile/instructions/parse.go.

The parser reads such files all the same, so that the rest of them can be judged.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from careen.dockerfile.characters import SPACES, quote
from careen.dockerfile.globs import BadSubstitutionError
from careen.dockerfile.lexer import heredoc_mark
from careen.dockerfile.mounts import MalformedListError, list_items
from careen.dockerfile.tree import Dockerfile, Instruction
from careen.errors import CareenError
from careen.text.problems import SyntaxProblem

_TRUTH, _TEXT, _TEXTS = "truth", "text", "texts"
_FLAGS: Mapping[str, Mapping[str, str]] = {
    "ADD": {
        "chown": _TEXT,
        "chmod": _TEXT,
        "link": _TRUTH,
        "keep-git-dir": _TRUTH,
        "checksum": _TEXT,
        "unpack": _TRUTH,
        "exclude": _TEXTS,
    },
    "COPY": {"chown": _TEXT, "from": _TEXT, "chmod": _TEXT, "link": _TRUTH, "exclude": _TEXTS, "parents": _TRUTH},
    "FROM": {"platform": _TEXT},
    "HEALTHCHECK": {
        "interval": _TEXT,
        "timeout": _TEXT,
        "start-period": _TEXT,
        "start-interval": _TEXT,
        "retries": _TEXT,
    },
    "RUN": {"device": _TEXTS, "mount": _TEXTS, "network": _TEXT, "security": _TEXT},
}
_DOCKERS_OWN = re.compile(r"(?:docker\.io/)?docker/dockerfile(?:-upstream)?(?:[:@ ]|$)")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION_PART = re.compile(r"([0-9]*)(\.[0-9]*)?([^.0-9]*)")
_LONGEST_DURATION = 2**63 - 1
_TRUE_WORDS = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE_WORDS = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class RefusedInstructionsError(CareenError):
    """Instructions that a build refuses, one a line."""

    def __init__(self, problems: tuple[SyntaxProblem, ...]) -> None:
        super().__init__(
            "\n".join(problem.message for problem in problems),
            hints=tuple(hint for problem in problems for hint in problem.hints),
        )


class _RefusedError(ValueError):
    """The message is BuildKit's."""


def problems_of(dockerfile: Dockerfile) -> tuple[SyntaxProblem, ...]:
    """Every instruction that a build refuses, in file order, and those that stand before any stage.

    None where ``# syntax=`` names a reader other than Docker's own: what it takes is its business.
    """
    readers = [directive.value for directive in dockerfile.directives if directive.name == "syntax"]
    if readers and not _DOCKERS_OWN.match(readers[0]):
        return ()
    return tuple(_problems(dockerfile, need_stage=True))


def refusals_of(dockerfile: Dockerfile) -> tuple[SyntaxProblem, ...]:
    """Every instruction that a build refuses, each judged by itself: the file may be a part of one."""
    return tuple(_problems(dockerfile, need_stage=False))


def refusal(instruction: Instruction) -> str | None:
    """Why a build refuses the instruction, in BuildKit's words; None when it does not."""
    check = _CHECKS.get(instruction.keyword)
    if check is None:
        return f"unknown instruction: {instruction.written_keyword}"
    try:
        check(instruction)
    except _RefusedError as error:
        return str(error)
    return None


def _problems(dockerfile: Dockerfile, *, need_stage: bool) -> Iterator[SyntaxProblem]:
    path = dockerfile.source.path
    in_stage = not need_stage
    for instruction in dockerfile.instructions:
        line = dockerfile.source.line_of(instruction.span.start)
        reason = refusal(instruction)
        in_stage = in_stage or instruction.keyword == "FROM"
        if reason is None and not in_stage and instruction.keyword != "ARG":
            reason = "no build stage in current context"
        if reason is not None:
            yield SyntaxProblem(path, line, reason, hints=_hints(instruction, reason))
    if not in_stage and all(instruction.keyword == "ARG" for instruction in dockerfile.instructions):
        yield SyntaxProblem(path, dockerfile.source.line_count, "dockerfile contains no stages to build")


def _hints(instruction: Instruction, reason: str) -> tuple[str, ...]:
    import difflib  # noqa: PLC0415 - only a refused file pays for it

    if reason.startswith("unknown instruction"):
        near = difflib.get_close_matches(instruction.keyword, _CHECKS, n=1)
    elif reason.startswith("unknown flag"):
        name = reason.rpartition("--")[2]
        near = [f"--{word}" for word in difflib.get_close_matches(name, _FLAGS.get(instruction.keyword, {}), n=1)]
    else:
        return ()
    return tuple(f"did you mean `{word}`?" for word in near)


def _flags(instruction: Instruction) -> Mapping[str, str]:
    """The last value of each flag of one value. Raises _RefusedError."""
    kinds = _FLAGS.get(instruction.keyword, {})
    values: dict[str, str] = {}
    for flag in instruction.flags:
        kind = kinds.get(flag.name)
        if kind is None:
            raise _RefusedError(f"unknown flag: --{flag.name}")
        if flag.name in values and kind != _TEXTS:
            raise _RefusedError(f"duplicate flag specified: --{flag.name}")
        missing = not flag.value if kind == _TRUTH and flag.value is not None else flag.value is None and kind != _TRUTH
        if missing:
            raise _RefusedError(f"missing a value on flag: --{flag.name}")
        if kind == _TRUTH and (flag.value or "true").lower() not in {"true", "false"}:
            raise _RefusedError(f"expecting boolean value for flag --{flag.name}, not: {flag.value}")
        values[flag.name] = flag.value or ""
    return values


def _exactly_one(instruction: Instruction) -> None:
    if len(instruction.arguments) != 1:
        raise _RefusedError(f"{instruction.keyword} requires exactly one argument")
    if instruction.keyword != "STOPSIGNAL":
        _flags(instruction)


def _at_least_one(instruction: Instruction) -> None:
    if not instruction.arguments:
        raise _RefusedError(f"{instruction.keyword} requires at least one argument")
    _flags(instruction)


def _pairs(instruction: Instruction) -> None:
    _flags(instruction)
    if not instruction.arguments:
        raise _RefusedError(f"{instruction.keyword} requires at least one argument")
    if "" in instruction.arguments[::3]:
        raise _RefusedError(f"{instruction.keyword} names can not be blank")


def _arg(instruction: Instruction) -> None:
    if not instruction.arguments:
        raise _RefusedError("ARG requires at least one argument")
    if any(argument.startswith("=") for argument in instruction.arguments):
        raise _RefusedError("ARG names can not be blank")


def _copy(instruction: Instruction) -> None:
    if len(instruction.arguments) < 2:
        raise _RefusedError(
            f"{instruction.keyword} requires at least two arguments, but only one was provided. "
            "Destination could not be determined"
        )
    _flags(instruction)
    try:
        mark = heredoc_mark(instruction.arguments[-1])
    except BadSubstitutionError:
        mark = None
    if mark is not None:
        raise _RefusedError(f"{instruction.keyword} cannot accept a heredoc as a destination")


def _from(instruction: Instruction) -> None:
    words = instruction.arguments
    if len(words) == 3 and words[1].casefold() == "as":
        if not _STAGE_NAME.fullmatch(words[2].lower()):
            raise _RefusedError(
                f"invalid name for build stage: {quote(words[2])}, name can't start with a number or contain symbols"
            )
    elif len(words) != 1:
        raise _RefusedError("FROM requires either one or three arguments")
    _flags(instruction)


def _onbuild(instruction: Instruction) -> None:
    if instruction.onbuild is None:
        raise _RefusedError("ONBUILD requires at least one argument")
    _flags(instruction)
    trigger = instruction.onbuild.written_keyword.strip(SPACES).upper()
    if trigger == "ONBUILD":
        raise _RefusedError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if trigger in {"MAINTAINER", "FROM"}:
        raise _RefusedError(f"{trigger} isn't allowed as an ONBUILD trigger")


def _volume(instruction: Instruction) -> None:
    _at_least_one(instruction)
    if any(not path.strip(SPACES) for path in instruction.arguments):
        raise _RefusedError("VOLUME specified can not be an empty string")


def _shell(instruction: Instruction) -> None:
    _flags(instruction)
    if not instruction.arguments:
        raise _RefusedError("SHELL requires at least one argument")
    if not instruction.json_form:
        raise _RefusedError("SHELL requires the arguments to be in JSON form")


def _run(instruction: Instruction) -> None:
    flags = _flags(instruction)
    for value in instruction.flag_values("device"):
        _device(value)
    for value in instruction.flag_values("mount"):
        try:
            items = list_items(value)
        except MalformedListError as error:
            raise _RefusedError(f"failed to parse csv mounts: {error}") from error
        for item in items:
            name, equals, stage = item.partition("=")
            if equals and name.lower() == "from" and "$" in stage[:-1]:
                raise _RefusedError("'from' doesn't support variable expansion, define alias stage instead")
    network = flags.get("network", "default")
    if network not in {"default", "none", "host"}:
        raise _RefusedError(f"invalid network mode {quote(network)}")
    security = flags.get("security", "sandbox")
    if security not in {"insecure", "sandbox"}:
        raise _RefusedError(f"security {quote(security)} is not valid")


def _device(value: str) -> None:
    try:
        items = list_items(value)
    except MalformedListError as error:
        raise _RefusedError(f"failed to parse csv devices: {error}") from error
    known = ""
    for item in items:
        name, equals, text = item.partition("=")
        key = name.lower()
        if not equals:
            if key == "required":
                continue
            if known:
                raise _RefusedError(f"invalid field '{item}' must be a key=value pair")
            known = item
        elif key == "name":
            if known:
                raise _RefusedError(f"device name already set to {known}")
            known = text
        elif key == "required":
            if text not in _TRUE_WORDS | _FALSE_WORDS:
                raise _RefusedError(f"invalid value for {key}: {text}")
        elif known:
            raise _RefusedError(f"unexpected key '{key}' in '{item}'")
        else:
            known = item


def _command(instruction: Instruction) -> None:
    _flags(instruction)


def _healthcheck(instruction: Instruction) -> None:
    if not instruction.arguments:
        raise _RefusedError("HEALTHCHECK requires at least one argument")
    kind = instruction.arguments[0].upper()
    command = instruction.arguments[1:]
    if kind == "NONE":
        if command:
            raise _RefusedError("HEALTHCHECK NONE takes no arguments")
        return
    flags = _flags(instruction)
    if kind != "CMD":
        raise _RefusedError(f"Unknown type {quote(kind)} in HEALTHCHECK (try CMD)")
    if not command:
        raise _RefusedError("Missing command after HEALTHCHECK CMD")
    for name in ("interval", "timeout", "start-period", "start-interval"):
        text = flags.get(name, "")
        if text and (length := _nanoseconds(text)) and length < _UNITS["ms"]:
            raise _RefusedError(f"Interval {quote(name)} cannot be less than 1ms")
    retries = flags.get("retries", "")
    if retries:
        _count_retries(retries)


def _count_retries(text: str) -> None:
    digits = text[1:] if text[0] in "+-" else text
    if not digits.isascii() or not digits.isdigit():
        raise _RefusedError(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    digits = digits.lstrip("0") or "0"
    negative = text.startswith("-")
    if len(digits) > 10 or int(digits) > 2**31 - (not negative):
        raise _RefusedError(f"strconv.ParseInt: parsing {quote(text)}: value out of range")
    if negative and digits != "0":
        raise _RefusedError(f"--retries cannot be negative (-{digits})")


def _nanoseconds(text: str) -> int:
    """Go's time.ParseDuration."""
    invalid = _RefusedError(f"time: invalid duration {quote(text)}")
    rest = text[1:] if text[0] in "+-" else text
    if rest == "0":
        return 0
    if not rest:
        raise invalid
    total = 0
    while rest:
        match = _DURATION_PART.match(rest)
        if match is None or not (match[1] or (match[2] or "").strip(".")):
            raise invalid
        whole = int(match[1][-20:] or 0) if len(match[1].lstrip("0")) < 20 else _LONGEST_DURATION + 2
        if whole > _LONGEST_DURATION + 1:
            raise invalid
        unit = match[3]
        if not unit:
            raise _RefusedError(f"time: missing unit in duration {quote(text)}")
        if unit not in _UNITS:
            raise _RefusedError(f"time: unknown unit {quote(unit)} in duration {quote(text)}")
        total += whole * _UNITS[unit] + int(float(match[2] if match[2] not in {None, "."} else 0) * _UNITS[unit])
        if total > _LONGEST_DURATION + text.startswith("-"):
            raise invalid
        rest = rest[match.end() :]
    return -total if text.startswith("-") else total


_CHECKS: Mapping[str, Callable[[Instruction], None]] = {
    "ADD": _copy,
    "ARG": _arg,
    "CMD": _command,
    "COPY": _copy,
    "ENTRYPOINT": _command,
    "ENV": _pairs,
    "EXPOSE": _at_least_one,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _pairs,
    "MAINTAINER": _exactly_one,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _exactly_one,
    "USER": _exactly_one,
    "VOLUME": _volume,
    "WORKDIR": _exactly_one,
}
