from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from careen.plan.layers import HEAVY_BYTES, share_distributions, share_system_packages
from careen.plan.target import PlannedDistribution
from fakes.plans import distribution, package


def sized(name: str, size: int) -> PlannedDistribution:
    return replace(distribution(name), installed_bytes=size)


def test_each_set_of_services_has_a_layer_the_most_shared_first() -> None:
    a, b, c = (sized(name, 10) for name in "abc")

    layers = share_distributions({"api": [a, b], "worker": [a, c], "flower": [a]})

    assert [(layer.services, [d.name for d in layer.distributions]) for layer in layers] == [
        (("api", "flower", "worker"), ["a"]),
        (("api",), ["b"]),
        (("worker",), ["c"]),
    ]


def test_what_is_heavy_has_a_layer_of_its_own() -> None:
    layers = share_distributions({"api": [sized("torch", HEAVY_BYTES), sized("numpy", 5)]})

    assert [[d.name for d in layer.distributions] for layer in layers] == [["torch"], ["numpy"]]


def test_over_the_budget_the_cheapest_layers_are_merged() -> None:
    shared = sized("shared", 100)
    needs = {
        "api": [shared, sized("big", 5000), sized("small", 1)],
        "worker": [shared, sized("big", 5000)],
        "beat": [shared],
    }

    layers = share_distributions(needs, budget=2)

    assert all(sum(name in layer.services for layer in layers) <= 2 for name in needs)
    assert next(layer.services for layer in layers if layer.distributions[0].name == "big") == ("api", "worker")


def test_no_merging_gives_an_image_two_versions_of_one_distribution() -> None:
    old, new = replace(distribution("click"), version="7.0"), replace(distribution("click"), version="8.1")
    needs = {"api": [sized("a", 1), sized("b", 2), new], "worker": [sized("a", 1), sized("c", 2), old]}

    layers = share_distributions(needs, budget=1)

    for service in needs:
        held = [d.name for layer in layers if service in layer.services for d in layer.distributions]
        assert len(held) == len(set(held))


def test_system_packages_are_shared_by_need() -> None:
    layers = share_system_packages({"api": [package("libpq5")], "worker": [package("libpq5"), package("libgl1")]})

    assert [(layer.services, [p.name for p in layer.packages]) for layer in layers] == [
        (("api", "worker"), ["libpq5"]),
        (("worker",), ["libgl1"]),
    ]


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c", "d", "e"]), st.sets(st.sampled_from("klmnopqrst"), max_size=8), min_size=1
    ),
    st.integers(1, 4),
)
def test_every_service_gets_all_it_needs_within_its_budget(needs: dict[str, set[str]], budget: int) -> None:
    planned = {name: [sized(item, 10 + ord(item)) for item in sorted(items)] for name, items in needs.items()}

    layers = share_distributions(planned, budget=budget)

    for service, items in needs.items():
        own = [layer for layer in layers if service in layer.services]
        assert len(own) <= budget
        assert items <= {d.name for layer in own for d in layer.distributions}
    names = [(d.name, d.version) for layer in layers for d in layer.distributions]
    assert len(names) == len(set(names))  # no byte is stored twice
