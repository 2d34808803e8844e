import pytest

from careen.blobs.digest import Digest
from careen.oci.reference import ImageReference, InvalidReferenceError

_DIGEST = Digest.of(b"")


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "shown"),
    [
        ("python", "", "library/python", None, "python"),
        ("python:3.11-slim", "", "library/python", "3.11-slim", "python:3.11-slim"),
        ("library/python", "", "library/python", None, "python"),
        ("team/app:V_1.2", "", "team/app", "V_1.2", "team/app:V_1.2"),
        ("gcr.io/distroless/cc:nonroot", "gcr.io", "distroless/cc", "nonroot", "gcr.io/distroless/cc:nonroot"),
        ("localhost/app", "localhost", "app", None, "localhost/app"),
        ("localhost:5000/a/b/c:1", "localhost:5000", "a/b/c", "1", "localhost:5000/a/b/c:1"),
        ("registry:5000/app", "registry:5000", "app", None, "registry:5000/app"),
        ("Host/app", "Host", "app", None, "Host/app"),
        ("[::1]:5000/app", "[::1]:5000", "app", None, "[::1]:5000/app"),
        ("registry:5000", "", "library/registry", "5000", "registry:5000"),
        ("docker_api", "", "library/docker_api", None, "docker_api"),
        ("a__b/c--d.e", "", "a__b/c--d.e", None, "a__b/c--d.e"),
    ],
)
def test_references_are_read_as_docker_reads_them(
    text: str, registry: str, repository: str, tag: str | None, shown: str
) -> None:
    reference = ImageReference.parse(text)
    assert reference == ImageReference(registry=registry, repository=repository, tag=tag)
    assert str(reference) == shown
    assert ImageReference.parse(str(reference)) == reference


def test_a_digest_goes_before_a_tag() -> None:
    reference = ImageReference.parse(f"index.example/app:1@{_DIGEST}")
    assert (reference.tag, reference.digest, reference.selector) == ("1", _DIGEST, str(_DIGEST))
    assert str(reference) == f"index.example/app:1@{_DIGEST}"
    assert reference.tagged == "index.example/app:1"
    assert ImageReference.parse("app").selector == "latest"
    assert ImageReference.parse("app").tagged == "app:latest"


@pytest.mark.parametrize(
    "text",
    ["", ":tag", "app:", "app:-x", "app:" + "x" * 129, "APP", "a//b", "/app", "app/", "a b", "app@sha256:00",
     "app@", "-host.example/app", "host.example:port/app", "host.example:123456/app", "https://index.example/app",
     "a" * 256, "../app", "app:1:2", "ho st.example/app", "app\n", "index.example/app:1\n"],
)  # fmt: skip
def test_what_names_no_image_is_refused(text: str) -> None:
    with pytest.raises(InvalidReferenceError, match="names no image"):
        ImageReference.parse(text)


def test_capital_letters_get_their_hint() -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        ImageReference.parse("App")
    assert caught.value.hints == ("repositories are written in small letters",)
