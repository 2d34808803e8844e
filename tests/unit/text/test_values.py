"""The lazy ``dataclass`` behaves as the standard library's does, class by class."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import field
from typing import Any

import pytest

from careen.text.values import dataclass as lazy

standard: Any = dataclasses.dataclass
_BOTH = pytest.mark.parametrize("dataclass", [lazy, standard], ids=["lazy", "standard"])


@lazy(frozen=True, slots=True, kw_only=True)
class Kept:
    """At the top of a module, so that pickle finds it."""

    name: str
    size: int = 0


@_BOTH
def test_positional_fields_defaults_and_factories(dataclass: Any) -> None:
    @dataclass(frozen=True, slots=True)
    class Layer:
        digest: str
        size: int = 3
        tags: list[str] = field(default_factory=list)

    one, two = Layer("a"), Layer("a", 3, [])
    assert one == two
    assert one.tags is not two.tags
    assert repr(Layer("a", size=4)).endswith("Layer(digest='a', size=4, tags=[])")
    assert [value.name for value in dataclasses.fields(one)] == ["digest", "size", "tags"]
    assert dataclasses.asdict(one) == {"digest": "a", "size": 3, "tags": []}
    assert dataclasses.replace(one, size=9).size == 9


@_BOTH
@pytest.mark.parametrize(
    "call",
    [
        lambda cls: cls("x", 1),
        lambda cls: cls(),
        lambda cls: cls(name="x", size=1, more=2),
    ],
    ids=["positional", "missing", "unknown"],
)
def test_wrong_arguments_are_type_errors(dataclass: Any, call: Callable[[type], object]) -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        name: str
        size: int = 0

    for _ in range(2):  # the first call and every later one
        with pytest.raises(TypeError):
            call(Named)


@_BOTH
def test_frozen_fields_can_neither_be_set_nor_deleted(dataclass: Any) -> None:
    @dataclass(frozen=True)
    class Named:
        name: str

    value = Named("x")
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'name'"):
        value.name = "y"
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'name'"):
        del value.name
    assert value.name == "x"


@_BOTH
def test_what_is_not_frozen_changes_and_has_no_hash(dataclass: Any) -> None:
    @dataclass(slots=True)
    class Counter:
        count: int = 0

    value: Any = Counter()
    value.count += 1
    assert value == Counter(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)
    with pytest.raises(AttributeError):
        value.other = 1


@_BOTH
def test_comparison_is_between_instances_of_one_class_and_leaves_out_what_it_is_told_to(dataclass: Any) -> None:
    @dataclass(frozen=True, slots=True)
    class Node:
        text: str
        origin: object = field(default=None, compare=False, repr=False)

    @dataclass(frozen=True, slots=True)
    class Other:
        text: str

    assert Node("a", 1) == Node("a", 2)
    assert hash(Node("a", 1)) == hash(Node("a", 2))
    alike: list[object] = [Other("a"), "a"]
    assert Node("a") not in alike
    assert "origin" not in repr(Node("a", 1))


@_BOTH
def test_order_follows_the_fields(dataclass: Any) -> None:
    @dataclass(frozen=True, slots=True, order=True)
    class Place:
        line: int
        column: int

    place: Any = Place
    assert sorted([place(2, 1), place(1, 9), place(1, 2)]) == [place(1, 2), place(1, 9), place(2, 1)]
    assert place(1, 1) <= place(1, 1)
    assert not place(1, 1) < place(1, 1)
    assert place(3, 0) > place(2, 9)
    assert place(3, 0) >= place(2, 9)
    with pytest.raises(TypeError):
        assert place(1, 1) < (1, 2)


@_BOTH
def test_a_check_after_the_fields_are_set_runs_for_each_instance(dataclass: Any) -> None:
    @dataclass(frozen=True)
    class Positive:
        number: int

        def __post_init__(self) -> None:
            if self.number < 1:
                raise ValueError(f"not positive: {self.number}")

    assert Positive(1).number == 1
    with pytest.raises(ValueError, match="not positive: 0"):
        Positive(0)


@_BOTH
def test_methods_that_a_class_writes_itself_stay(dataclass: Any) -> None:
    @dataclass(frozen=True)
    class Name:
        text: str

        def __repr__(self) -> str:
            return f"<{self.text}>"

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Name) and self.text.lower() == other.text.lower()

        def __hash__(self) -> int:
            return hash(self.text.lower())

    assert repr(Name("a")) == "<a>"
    assert {Name("a"), Name("A")} == {Name("A")}


@_BOTH
def test_a_class_inherits_the_fields_of_its_base(dataclass: Any) -> None:
    @dataclass(frozen=True)
    class Node:
        path: str

    @dataclass(frozen=True)
    class Leaf(Node):
        size: int = 1

    assert Leaf("a", 2) == Leaf(path="a", size=2)
    assert Node("a") != Leaf("a")
    assert repr(Leaf("a")).endswith("Leaf(path='a', size=1)")
    match Leaf("a", 5):
        case Leaf(path, size):
            assert (path, size) == ("a", 5)


@_BOTH
def test_no_field_at_all(dataclass: Any) -> None:
    @dataclass(frozen=True, slots=True)
    class Nothing:
        pass

    nothing: Any = Nothing
    assert nothing() == nothing()
    assert hash(nothing()) == hash(nothing())
    with pytest.raises(TypeError):
        nothing(1)


def test_frozen_slotted_values_survive_copies_and_pickles() -> None:
    value = Kept(name="a", size=2)
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - made one expression before


def test_no_method_is_compiled_before_the_first_instance() -> None:
    @lazy(frozen=True, slots=True, kw_only=True)
    class Late:
        name: str

    assert "name" not in inspect.signature(Late.__init__).parameters
    Late(name="a")
    assert "name" in inspect.signature(Late.__init__).parameters
