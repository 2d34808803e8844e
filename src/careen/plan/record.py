"""A plan as plain lists, to be kept and read back: the values of each class in the order of its fields.

What a list means stands in the classes alone, so a record is read by the very code that wrote it or not at all.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import PurePosixPath
from typing import Any, Union, get_args, get_origin, get_type_hints

from careen.errors import CareenError
from careen.plan.target import ImageBase, Plan

_Read = Callable[[Any], Any]
_Write = Callable[[Any], Any]


class RecordError(CareenError):
    """Not the record of a plan."""


def plan_record(plan: Plan) -> list[object]:
    """Made of lists, strings, numbers, booleans and None."""
    record: list[object] = _writer(Plan)(plan)
    return record


def plan_of_record(record: object) -> Plan:
    """Raises RecordError."""
    try:
        plan = _reader(Plan)(record)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, CareenError) as error:
        raise RecordError("what is remembered of a plan cannot be read", hints=("empty careen's cache",)) from error
    if not isinstance(plan, Plan):  # a value of another kind that reads alike
        raise RecordError("what is remembered is no plan")
    return plan


def base_record(base: ImageBase) -> object:
    """The same of a base alone."""
    return _writer(ImageBase)(base)


def base_of_record(record: object) -> ImageBase | None:
    """None for what is no record of one."""
    try:
        base = _reader(ImageBase)(record)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, CareenError):
        return None
    return base if isinstance(base, ImageBase) else None


def _same(value: Any) -> Any:
    return value


@cache
def _writer(kind: Any) -> _Write:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _union_writer(arguments)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            each = _writer(arguments[0])
            return lambda items: [each(item) for item in items]
        writers = tuple(map(_writer, arguments))
        return lambda items: [write(item) for write, item in zip(writers, items, strict=True)]
    if kind is PurePosixPath:
        return str
    if kind is bytes:
        return lambda data: data.decode("latin-1")
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda member: member.value
    if is_dataclass(kind):
        pairs = tuple((name, _writer(hint)) for name, hint in _fields(kind))
        return lambda value: [write(getattr(value, name)) for name, write in pairs]
    return _same


@cache
def _reader(kind: Any) -> _Read:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _union_reader(arguments)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            each = _reader(arguments[0])
            return lambda items: tuple(map(each, _listed(items)))
        readers = tuple(map(_reader, arguments))
        return lambda items: tuple([read(item) for read, item in zip(readers, _listed(items), strict=True)])
    if kind is PurePosixPath:
        return PurePosixPath
    if kind is bytes:
        return lambda text: text.encode("latin-1")
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if is_dataclass(kind) and isinstance(kind, type):
        return _class_reader(kind)
    return _plain(kind)


def _class_reader(kind: type) -> _Read:
    pairs = tuple((name, _reader(hint)) for name, hint in _fields(kind))
    return lambda items: kind(**{name: read(item) for (name, read), item in zip(pairs, _listed(items), strict=True)})


def _plain(kind: Any) -> _Read:
    """For strings, numbers and booleans, and the names that are made of them."""
    made_of = getattr(kind, "__supertype__", kind)
    accepted = (int, float) if made_of is float else (made_of,)

    def read(value: Any) -> Any:
        if type(value) not in accepted:
            raise TypeError(f"{value!r} is no {made_of.__name__}")
        return value

    return read


def _union_writer(choices: tuple[Any, ...]) -> _Write:
    others = [choice for choice in choices if choice is not type(None)]
    if len(others) == 1:
        inner = _writer(others[0])
        return lambda value: None if value is None else inner(value)
    writers: Mapping[type, _Write] = {choice: _writer(choice) for choice in others}
    return lambda value: None if value is None else [type(value).__name__, writers[type(value)](value)]


def _union_reader(choices: tuple[Any, ...]) -> _Read:
    others = [choice for choice in choices if choice is not type(None)]
    if len(others) == 1:
        inner = _reader(others[0])
        return lambda value: None if value is None else inner(value)
    readers = {choice.__name__: _reader(choice) for choice in others}
    return lambda value: None if value is None else readers[value[0]](value[1])


def _listed(items: Any) -> list[Any]:
    if not isinstance(items, list):
        raise TypeError(f"{items!r} is no list")
    return items


def _fields(kind: Any) -> list[tuple[str, Any]]:
    hints = get_type_hints(kind)
    return [(field.name, hints[field.name]) for field in fields(kind)]
