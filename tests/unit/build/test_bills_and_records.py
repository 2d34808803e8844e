"""What is attached to images: valid by the official schema, the same for the same image, and telling why it changed."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from packageurl import PackageURL

from careen.blobs.digest import Digest
from careen.build.attachments import records_in
from careen.build.engine import BuildOptions, BuildResult, Origin
from careen.build.native import build_platforms, build_stack
from careen.build.record import RecordError, differences, explained, matching, parse_records, render_records
from careen.build.sbom import MEDIA_TYPE, ImageBill
from careen.oci.layout import Layout
from careen.oci.unpack import image_files
from careen.plan.target import DebianBase, DistributionLayer, UnbuiltSource
from careen.platforms import Platform
from fakes.debs import write_deb
from fakes.stacks import FakeStack, distribution, write_stack
from fakes.wheels import write_wheel

PLAIN = BuildOptions(bytecode=False)
DESCRIBED = replace(
    PLAIN,
    origin=Origin(version="2.5", source="https://git.example/stack", revision="abc", lock=Digest.of(b"lock")),
)


def build(stack: FakeStack, output: Path, options: BuildOptions = PLAIN) -> BuildResult:
    return build_stack(stack.plan, stack.sources, output=output, options=options)


def bill(result: BuildResult, service: str) -> dict[str, object]:
    layout = Layout.open(result.layout)
    data = layout.attachment(layout.image(result.image(service).reference), MEDIA_TYPE)
    assert data is not None
    document: dict[str, object] = json.loads(data)
    return document


def components(document: Mapping[str, object]) -> dict[str, dict[str, object]]:
    listed = document["components"]
    assert isinstance(listed, list)
    return {str(item["name"]): item for item in listed}


def with_distribution(stack: FakeStack, newer: Path) -> FakeStack:
    """The worker has this wheel in place of ``lone``."""
    item = distribution(newer)
    services = tuple(
        replace(service, distributions=(*service.distributions[:2], item)) if service.name == "worker" else service
        for service in stack.plan.services
    )
    layers = tuple(
        DistributionLayer(services=layer.services, distributions=(item,)) if layer.services == ("worker",) else layer
        for layer in stack.plan.distribution_layers
    )
    return replace(stack, plan=replace(stack.plan, services=services, distribution_layers=layers))


def test_every_bill_is_valid_by_the_official_schema(tmp_path: Path) -> None:
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415 - takes seconds to load
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    validator = JsonStrictValidator(SchemaVersion.V1_6)
    result = build(write_stack(tmp_path), tmp_path / "out", DESCRIBED)
    for service in ("web", "worker"):
        document = bill(result, service)
        assert validator.validate_str(json.dumps(document)) is None
        assert validator.validate_str(json.dumps({**document, "version": "one"})) is not None


def test_a_bill_names_what_the_image_holds(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    result = build(stack, tmp_path / "out", DESCRIBED)
    web, worker = (components(bill(result, service)) for service in ("web", "worker"))
    assert set(web) == {"web", "debian", "python3.11-minimal", "libpython3.11-stdlib", "crate", "peg"}
    assert set(worker) - set(web) == {"worker", "lone"}
    wheel = (tmp_path / "wheels/peg-1.0-py3-none-any.whl").read_bytes()
    assert web["peg"]["hashes"] == [{"alg": "SHA-256", "content": Digest.of(wheel).hex}]
    package = next(item for item in stack.plan.base.packages if item.name == "python3.11-minimal")
    assert web["python3.11-minimal"]["hashes"] == [{"alg": "SHA-256", "content": package.digest.hex}]
    assert web["web"]["version"] == "2.5"


def test_package_addresses_are_in_their_canonical_form(tmp_path: Path) -> None:
    document = bill(build(write_stack(tmp_path), tmp_path / "out"), "web")
    listed = [str(item["purl"]) for item in components(document).values() if "purl" in item]
    assert len(listed) == 4
    for purl in listed:
        assert PackageURL.from_string(purl).to_string() == purl
    assert "pkg:pypi/peg@1.0" in listed


def test_everything_in_a_bill_hangs_together(tmp_path: Path) -> None:
    document = bill(build(write_stack(tmp_path), tmp_path / "out"), "worker")
    metadata, edges = document["metadata"], document["dependencies"]
    assert isinstance(metadata, dict)
    assert isinstance(edges, list)
    known = {metadata["component"]["bom-ref"], *(item["bom-ref"] for item in components(document).values())}
    reached = {ref for edge in edges for ref in edge["dependsOn"]} | {metadata["component"]["bom-ref"]}
    assert reached == known


def test_licences_come_from_metadata_and_copyright_files(tmp_path: Path) -> None:
    licensed = write_wheel(
        tmp_path / "wheels",
        "lone",
        {"lone/__init__.py": b""},
        version="2.0",
        metadata={"METADATA": b"Metadata-Version: 2.4\nName: lone\nVersion: 2.0\nLicense-Expression: MIT OR 0BSD\n"},
    )
    result = build(with_distribution(write_stack(tmp_path), licensed), tmp_path / "out")
    assert components(bill(result, "worker"))["lone"]["licenses"] == [{"expression": "MIT OR 0BSD"}]
    assert "licenses" not in components(bill(result, "worker"))["peg"]


def test_the_same_image_has_the_same_attachments_wherever_it_is_built(tmp_path: Path) -> None:
    first = build(write_stack(tmp_path / "first"), tmp_path / "one", DESCRIBED)
    second = build(write_stack(tmp_path / "second"), tmp_path / "two", DESCRIBED)
    assert (first.layout / "index.json").read_bytes() == (second.layout / "index.json").read_bytes()
    blobs = [sorted(path.name for path in (result.layout / "blobs/sha256").iterdir()) for result in (first, second)]
    assert blobs[0] == blobs[1]


def test_images_say_where_they_come_from_as_far_as_it_is_known(tmp_path: Path) -> None:
    layout = Layout.open(build(write_stack(tmp_path), tmp_path / "out", DESCRIBED).layout)
    manifest = layout.manifest(layout.image("stack_web"))
    labels = layout.config(manifest).run.labels
    for found in (labels, manifest.annotations):
        assert found["org.opencontainers.image.title"] == "web"
        assert found["org.opencontainers.image.version"] == "2.5"
        assert found["org.opencontainers.image.source"] == "https://git.example/stack"
        assert found["org.opencontainers.image.revision"] == "abc"
        assert found["org.opencontainers.image.created"] == "1980-01-01T00:00:00Z"
        assert found["careen.base.name"] == "debian:bookworm"
        assert found["careen.base.layer"] == str(layout.config(manifest).diff_ids[0])
    unknown = Layout.open(build(write_stack(tmp_path), tmp_path / "out").layout)
    assert "org.opencontainers.image.version" not in unknown.manifest(unknown.image("stack_web")).annotations


def test_records_name_every_input_and_come_back_as_they_were(tmp_path: Path) -> None:
    result = build(write_stack(tmp_path), tmp_path / "out", DESCRIBED)
    records = records_in(Layout.open(result.layout))
    assert {record.service for record in records} == {"web", "worker"}
    web = next(record for record in records if record.service == "web")
    assert web.digest == str(result.image("web").digest)
    assert web.lock == str(Digest.of(b"lock"))
    assert set(web.inputs["distributions"]) == {"crate", "peg"}
    assert set(web.inputs["files"]) == {"/app/src/own/main.py", "/opt/careen/health.py"}
    assert matching(parse_records(render_records(records))) == matching(records)


def test_why_an_image_changed_is_told_and_only_of_those_that_did(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    before = records_in(Layout.open(build(stack, tmp_path / "out").layout))
    newer = write_wheel(tmp_path / "wheels", "lone", {"lone/__init__.py": b"NEW = 1\n"}, version="1.1")
    after = records_in(Layout.open(build(with_distribution(stack, newer), tmp_path / "out").layout))
    assert [(record.service, why) for record, why in explained(before, after)] == [
        ("worker", ("distributions: lone 1.0 -> 1.1",))
    ]


def test_a_changed_file_and_a_changed_option_are_told(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    first = build(stack, tmp_path / "out")
    before = {record.service: record for record in records_in(Layout.open(first.layout))}
    (tmp_path / "project/src/own/main.py").write_bytes(b"import crate, json\n")
    second = build(stack, tmp_path / "out", replace(DESCRIBED, bytecode=False))
    after = {record.service: record for record in records_in(Layout.open(second.layout))}
    assert differences(before["web"], after["web"]) == (
        "files: /app/src/own/main.py changed",
        "project: revision abc is new",
        "project: source https://git.example/stack is new",
        "project: version 2.5 is new",
    )


def test_what_trimming_must_leave_is_told_by_its_name_alone(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    before = records_in(Layout.open(build(stack, tmp_path / "out").layout))
    assert isinstance(stack.plan.base, DebianBase)
    base = replace(stack.plan.base, kept_modules=("json",))
    kept = build(replace(stack, plan=replace(stack.plan, base=base)), tmp_path / "kept")
    after = {record.service: record for record in records_in(Layout.open(kept.layout))}
    assert differences(matching(before)["web", "linux/amd64"], after["web"]) == ("kept modules: json is new",)


def test_the_value_of_a_variable_is_in_no_record(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    services = tuple(
        replace(service, environment=(*service.environment, ("TOKEN", "swordfish"))) for service in stack.plan.services
    )
    result = build(replace(stack, plan=replace(stack.plan, services=services)), tmp_path / "out")
    records = records_in(Layout.open(result.layout))
    assert all("variable TOKEN" in record.inputs["configuration"] for record in records)
    assert b"swordfish" not in render_records(records)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"schema": "careen.record/9"}', b'{"schema": "careen.record/1", "service": "a"}']
)
def test_anything_else_is_no_record(data: bytes) -> None:
    with pytest.raises(RecordError):
        parse_records(data)


def bill_of_built(folder: Path, requirement: str) -> bytes:
    """Of an image whose one distribution is built from that requirement."""
    stack = write_stack(folder)
    source = UnbuiltSource(requirement=requirement, url=None, digest=None)
    odd = replace(stack.plan.services[0].distributions[0], source=source)
    layout = Layout.open(build(stack, folder / "out").layout)
    return ImageBill(
        plan=stack.plan,
        service=replace(stack.plan.services[0], distributions=(odd,)),
        reference="registry.example:5000/team/web:1",
        manifest=layout.image("stack_web"),
        application_version="",
        application_layer=Digest.of(b""),
        licences={},
        digests={},
    ).render()


def test_what_is_built_from_a_repository_is_named_by_its_commit_and_without_credentials(tmp_path: Path) -> None:
    made = bill_of_built(tmp_path, f"crate @ git+https://ada:swordfish@git.example/crate?tag=v1#{'a' * 40}")
    assert b"swordfish" not in made
    crate = components(json.loads(made))["crate"]
    purl = PackageURL.from_string(str(crate["purl"]))
    assert purl.qualifiers == {"vcs_url": f"git+https://git.example/crate@{'a' * 40}"}
    assert json.loads(made)["metadata"]["component"]["purl"].startswith("pkg:oci/web@sha256:")


def test_a_repository_on_this_machine_is_not_named(tmp_path: Path) -> None:
    made = bill_of_built(tmp_path, f"crate @ git+file:///secret/place#{'a' * 40}")
    assert b"place" not in made
    assert components(json.loads(made))["crate"]["purl"] == "pkg:pypi/crate@1.0"


def test_several_platforms_share_a_name_and_each_has_its_own_image(tmp_path: Path) -> None:
    first, second = write_stack(tmp_path), write_stack(tmp_path, platform="linux/arm64")
    results = build_platforms((first.plan, second.plan), first.sources, output=tmp_path / "out", options=PLAIN)
    layout = Layout.open(tmp_path / "out")
    assert set(layout.images()) == {"stack_web", "stack_worker"}
    for result in results:
        for image in result.images:
            chosen = layout.image(image.reference, result.platform)
            assert chosen.digest == image.digest
            assert layout.config(layout.manifest(chosen)).platform.architecture == result.platform.architecture.value
            assert layout.attachment(chosen, MEDIA_TYPE) is not None
    assert [result.platform for result in results] == [Platform.parse("linux/amd64"), Platform.parse("linux/arm64")]
    alone = build(first, tmp_path / "alone")
    assert [image.digest for image in alone.images] == [image.digest for image in results[0].images]


def test_a_package_of_which_nothing_is_left_is_not_named(tmp_path: Path) -> None:
    stack = write_stack(tmp_path)
    package, path = write_deb(tmp_path / "debs", "libunused1", {"usr/share/doc/libunused1/README": b"text\n"})
    assert isinstance(stack.plan.base, DebianBase)
    base = replace(stack.plan.base, packages=(*stack.plan.base.packages, package))
    mirror = replace(stack.mirror, files={**stack.mirror.files, package.digest: path})
    more = replace(stack, plan=replace(stack.plan, base=base), sources=replace(stack.sources, debs=mirror.debs))
    result = build(more, tmp_path / "out")
    layout = Layout.open(result.layout)
    files = {file.path for file in image_files(layout, layout.manifest(layout.image("stack_web")))}
    named = "libunused1" in components(bill(result, "web"))
    assert named == ("var/lib/dpkg/status.d/libunused1" in files)
    assert not named
