"""``dataclass`` as the standard library's, for classes whose methods are made when first called.

The standard decorator writes and compiles up to nine functions for each class while its module is imported: 0.8 ms a
class, four tenths of the time that a scan of a small stack took, most of it for methods that nobody calls. Here a class
is decorated in a tenth of that. ``__init__`` is compiled at the first instance; comparison and hash read the fields
with one ``attrgetter``. Fields, ``replace``, ``asdict``, ``__match_args__``, inheritance and errors are the same.
"""

import dataclasses
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - type checkers know this name
else:

    def dataclass(
        cls: type | None = None,
        /,
        *,
        frozen: bool = False,
        order: bool = False,
        slots: bool = False,
        kw_only: bool = False,
    ) -> Any:
        def decorate(plain: type) -> type:
            return _decorated(plain, frozen=frozen, order=order, slots=slots, kw_only=kw_only)

        return decorate if cls is None else decorate(cls)


def _decorated(plain: type, *, frozen: bool, order: bool, slots: bool, kw_only: bool) -> type:
    if not plain.__doc__:
        plain.__doc__ = plain.__name__  # the standard decorator would inspect the signature to write one
    cls: type = dataclasses.dataclass(plain, init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)
    fields = dataclasses.fields(cls)
    own = cls.__dict__
    methods: dict[str, Any] = {"__init__": _first_init(cls, frozen=frozen), "__repr__": _repr}
    if "__eq__" not in own:
        methods |= _comparison(tuple(field.name for field in fields if field.compare), order=order)
        if not frozen:
            methods["__hash__"] = None
    if frozen:
        methods |= {"__setattr__": _refuse_assignment, "__delattr__": _refuse_deletion}
        if slots:
            methods |= {"__getstate__": _state, "__setstate__": _restore}
    for name, method in methods.items():
        if own.get(name) is None:
            setattr(cls, name, method)
    return cls


def _first_init(cls: type, *, frozen: bool) -> Callable[..., None]:
    def __init__(self: object, /, *arguments: Any, **named: Any) -> None:  # noqa: N807 - it stands in for one
        made = _compiled_init(cls, frozen=frozen)
        type.__setattr__(cls, "__init__", made)
        made(self, *arguments, **named)

    return __init__


def _compiled_init(cls: type, *, frozen: bool) -> Callable[..., None]:
    known: dict[str, Any] = {"_set": object.__setattr__, "_missing": dataclasses.MISSING}
    positional: list[str] = []
    named: list[str] = []
    body: list[str] = []
    for field in dataclasses.fields(cls):
        name, value = field.name, field.name
        parameter = name
        if field.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = field.default
            parameter = f"{name}=_default_{name}"
        elif field.default_factory is not dataclasses.MISSING:
            known[f"_make_{name}"] = field.default_factory
            parameter = f"{name}=_missing"
            value = f"_make_{name}() if {name} is _missing else {name}"
        (named if field.kw_only else positional).append(parameter)
        body.append(f" _set(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append(" self.__post_init__()")
    parameters = ", ".join(["self", *positional, *(["*", *named] if named else [])])
    lines = [f"def __init__({parameters}):", *body, *([] if body else [" pass"])]
    exec("\n".join(lines), known)  # noqa: S102 - names of fields, nothing else
    made: Callable[..., None] = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _comparison(names: tuple[str, ...], *, order: bool) -> dict[str, Any]:
    key: Callable[[Any], Any] = operator.attrgetter(*names) if names else _nothing

    def __eq__(self: object, other: object) -> Any:  # noqa: N807
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: object) -> int:  # noqa: N807
        return hash(key(self))

    def compared(name: str, compare: Callable[[Any, Any], bool]) -> Callable[[object, object], Any]:
        def method(self: object, other: object) -> Any:
            return compare(key(self), key(other)) if other.__class__ is self.__class__ else NotImplemented

        method.__name__ = name
        return method

    methods: dict[str, Any] = {"__eq__": __eq__, "__hash__": __hash__}
    if order:
        for name in ("__lt__", "__le__", "__gt__", "__ge__"):
            methods[name] = compared(name, getattr(operator, name))
    return methods


def _nothing(_: object) -> tuple[()]:
    return ()


def _repr(self: Any) -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _refuse_assignment(_: object, name: str, __: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deletion(_: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
