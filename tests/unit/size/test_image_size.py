"""Every byte has one place: a package, a cause, or what higher layers hide; and waste has somebody to blame."""

import gzip
from collections.abc import Iterable
from pathlib import Path

import pytest

from careen.blobs.digest import Digest
from careen.oci.config import History, ImageConfig, RunConfig
from careen.oci.decompress import LayerError
from careen.oci.layout import Layout, LayoutWriter
from careen.oci.manifest import ImagePlatform, Manifest
from careen.oci.media_types import CONFIG, LAYER, LAYER_GZIP, MANIFEST
from careen.size.model import ImageSize, PackageId, WasteKind
from careen.size.reading import read_layers
from careen.size.reckoning import reckon
from fakes.images import Item, folder, hard_link, layout_of, symlink, tar

SITE = "usr/local/lib/python3.11/site-packages"


def size_of(layout: Layout) -> ImageSize:
    manifest = layout.manifest(layout.image())
    return reckon("web", manifest, read_layers(layout, manifest))


def sized(root: Path, *layers: Iterable[Item]) -> ImageSize:
    found = size_of(layout_of(root / "image", *layers))
    packages, rest = sum(item.bytes for item in found.packages), sum(item.bytes for item in found.rest)
    assert found.bytes == packages + rest + found.hidden_bytes
    assert found.bytes == sum(share.bytes for layer in found.layers for share in layer.shares)
    return found


def packages(image: ImageSize) -> dict[str, int]:
    return {f"{item.package.ecosystem}:{item.package}": item.bytes for item in image.packages}


def rest(image: ImageSize) -> dict[str, int]:
    return {item.cause.value: item.bytes for item in image.rest}


def waste(image: ImageSize) -> list[tuple[WasteKind, int, int, int]]:
    return [(item.kind, item.layer, item.because_of, item.bytes) for item in image.waste]


def record(*paths: str) -> bytes:
    return "".join(f"{path},sha256=x,1\n" for path in paths).encode()


def test_python_distribution_is_told_by_its_record(tmp_path: Path) -> None:
    listed = record(
        "six.py", "../../../bin/six", "six-1.17.dist-info/RECORD", "../../../../../../etc/passwd", "gone.py"
    )
    found = sized(
        tmp_path,
        [
            Item(f"{SITE}/six.py", b"x" * 100),
            Item(f"{SITE}/not_six.py", b"y" * 30),
            Item(f"{SITE}/six-1.17.dist-info/RECORD", listed),
            Item("usr/local/bin/six", b"s" * 7),
            Item("etc/passwd", b"p" * 5),
        ],
    )

    assert packages(found) == {"python:six 1.17": 107 + len(listed)}
    assert rest(found) == {"site packages without a record": 30, "system files without a package": 5}


def test_bytecode_belongs_to_the_distribution_of_its_source(tmp_path: Path) -> None:
    listed = record("six.py")
    found = sized(
        tmp_path,
        [Item(f"{SITE}/six.py", b"x" * 100), Item(f"{SITE}/six-1.17.dist-info/RECORD", listed)],
        [Item(f"{SITE}/__pycache__/six.cpython-311.opt-1.pyc", b"c" * 40), Item("app/__pycache__/a.pyc", b"c" * 9)],
    )

    (package,) = found.packages
    assert (package.bytes, package.bytecode_bytes, package.layers) == (140, 40, (1, 2))
    assert {item.cause.value: item.bytes for item in found.inside} == {"bytecode": 40}
    assert rest(found)["bytecode"] == 9


def test_debian_packages_are_told_by_dpkg_even_through_merged_folders(tmp_path: Path) -> None:
    status = b"Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\nArchitecture: amd64\n"
    found = sized(
        tmp_path,
        [
            Item("var/lib/dpkg/info/libc6:amd64.list", b"/.\n/lib\n/lib/libc.so.6\n/usr/share/doc/libc6/copyright\n"),
            Item("var/lib/dpkg/status", status),
            folder("usr/lib/"),
            symlink("lib", "usr/lib"),
            Item("usr/lib/libc.so.6", b"c" * 1000),
            Item("usr/share/doc/libc6/copyright", b"d" * 50),
        ],
    )

    assert packages(found) == {"debian:libc6 2.36-9": 1050}
    assert {item.cause.value: item.bytes for item in found.inside} == {"documentation": 50}


def test_distroless_packages_are_told_by_their_sums(tmp_path: Path) -> None:
    found = sized(
        tmp_path,
        [
            Item("var/lib/dpkg/status.d/tzdata", b"Package: tzdata\nVersion: 2024a\n"),
            Item("var/lib/dpkg/status.d/tzdata.md5sums", b"0123  usr/share/zoneinfo/UTC\n"),
            Item("usr/share/zoneinfo/UTC", b"z" * 77),
        ],
    )

    assert packages(found) == {"debian:tzdata 2024a": 77}


def test_alpine_packages_are_told_by_apk(tmp_path: Path) -> None:
    installed = b"P:musl\nV:1.2.5-r0\nF:lib\nR:ld-musl-x86_64.so.1\nZ:Q1x\n\nP:busybox\nV:1.36\nF:bin\nR:busybox\n"
    found = sized(
        tmp_path,
        [
            Item("lib/apk/db/installed", installed),
            Item("lib/ld-musl-x86_64.so.1", b"m" * 60),
            Item("bin/busybox", b"b" * 80),
        ],
    )

    assert packages(found) == {"alpine:busybox 1.36": 80, "alpine:musl 1.2.5-r0": 60}


def test_conda_packages_keep_what_no_python_record_names(tmp_path: Path) -> None:
    listed = record("six.py")
    found = sized(
        tmp_path,
        [
            Item(
                "opt/conda/conda-meta/six-1.17-0.json",
                b'{"name": "six", "version": "1.17", "files": ["lib/python3.11/site-packages/six.py", "share/t"]}',
            ),
            Item("opt/conda/lib/python3.11/site-packages/six.py", b"x" * 100),
            Item("opt/conda/lib/python3.11/site-packages/six-1.17.dist-info/RECORD", listed),
            Item("opt/conda/share/t", b"t" * 3),
        ],
    )

    assert packages(found) == {"python:six 1.17": 100, "conda:six 1.17": 3}


def test_debian_s_own_python_package_is_debian_s(tmp_path: Path) -> None:
    site = "usr/lib/python3/dist-packages"
    found = sized(
        tmp_path,
        [
            Item(f"{site}/yaml.py", b"y" * 10),
            Item(f"{site}/PyYAML-6.dist-info/RECORD", record("yaml.py")),
            Item("var/lib/dpkg/info/python3-yaml.list", f"/{site}/yaml.py\n".encode()),
        ],
    )

    assert packages(found) == {"debian:python3-yaml": 10}


def test_hard_links_weigh_once(tmp_path: Path) -> None:
    found = sized(tmp_path, [Item("app/a", b"x" * 10), hard_link("app/b", "app/a")], [Item("app/.wh.a")])

    assert (found.bytes, found.hidden_bytes) == (10, 0)


def test_change_of_owner_stores_the_file_again_and_its_instruction_is_to_blame(tmp_path: Path) -> None:
    listed = record("big.so")
    before = [Item(f"{SITE}/big.so", b"x" * 5000), Item(f"{SITE}/big-1.dist-info/RECORD", listed)]
    after = [Item(item.path, item.data, owner=1000) for item in before]

    found = sized(tmp_path, before, after)

    assert found.bytes == 2 * (5000 + len(listed))
    assert waste(found) == [(WasteKind.OWNER_CHANGED, 1, 2, 5000 + len(listed))]
    (package,) = found.packages
    assert (package.bytes, package.hidden_bytes) == (5000, 5000)
    assert found.waste[0].examples[0].path == f"{SITE}/big.so"
    assert found.waste[0].label == "big 1"


@pytest.mark.parametrize(
    ("again", "kind"),
    [
        (Item("a", b"x" * 10, mode=0o755), WasteKind.MODE_CHANGED),
        (Item("a", b"x" * 10), WasteKind.UNCHANGED),
        (Item("a", b"y" * 10), WasteKind.REPLACED),
        (Item("a", b"x" * 10, owner=7), WasteKind.OWNER_CHANGED),
        (Item("a/", kind=b"5"), WasteKind.DELETED),
        (Item(".wh.a"), WasteKind.DELETED),
        (Item(".wh..wh..opq"), WasteKind.DELETED),
        (Item("b", b"x" * 10), None),
    ],
)
def test_why_a_file_is_hidden(again: Item, kind: WasteKind | None, tmp_path: Path) -> None:
    found = sized(tmp_path, [Item("a", b"x" * 10)], [again])

    assert waste(found) == ([] if kind is None else [(kind, 1, 2, 10)])
    assert found.hidden_bytes == (0 if kind is None else 10)


def test_folder_that_is_emptied_and_filled_with_the_same_is_no_deletion(tmp_path: Path) -> None:
    before = [folder("app/"), Item("app/lib/a", b"x" * 10), Item("app/lib/b", b"b" * 5)]
    after = [folder("app/"), Item("app/.wh.lib"), folder("app/lib/"), Item("app/lib/a", b"x" * 10, owner=5)]

    found = sized(tmp_path, before, after)

    assert waste(found) == [(WasteKind.OWNER_CHANGED, 1, 2, 10), (WasteKind.DELETED, 1, 2, 5)]


def test_file_that_its_own_layer_replaces_was_deleted_not_moved(tmp_path: Path) -> None:
    found = sized(tmp_path, [Item("a", b"x" * 10), folder("a/"), Item("a/b", b"y")])

    assert waste(found) == [(WasteKind.DELETED, 1, 1, 10)]


def test_file_of_a_package_stays_the_package_s_when_a_layer_brings_it_without_a_record(tmp_path: Path) -> None:
    listed = Item("var/lib/dpkg/info/bash.list", b"/bin/bash\n/bin/sh\n")
    program = Item("bin/bash", b"b" * 100)

    found = sized(tmp_path, [listed, program], [Item("bin/bash", b"b" * 100, owner=1000)])

    (package,) = found.packages
    assert (package.bytes, package.hidden_bytes, package.layers) == (100, 100, (1, 2))


def test_record_that_names_only_a_hard_link_owns_the_file(tmp_path: Path) -> None:
    listed = Item("var/lib/dpkg/info/perl.list", b"/usr/bin/perl5\n")

    found = sized(tmp_path, [listed, Item("usr/bin/perl", b"p" * 50), hard_link("usr/bin/perl5", "usr/bin/perl")])

    assert packages(found) == {"debian:perl": 50}


def test_file_that_is_moved_is_stored_twice(tmp_path: Path) -> None:
    found = sized(tmp_path, [Item("build/model", b"m" * 99)], [Item("build/.wh.model"), Item("app/model", b"m" * 99)])

    assert waste(found) == [(WasteKind.MOVED, 1, 2, 99)]


def test_same_content_twice_is_a_duplicate_when_it_is_worth_a_word(tmp_path: Path) -> None:
    found = sized(
        tmp_path,
        [Item("app/a", b"x" * 9000), Item("app/tiny1", b"t"), Item("app/tiny2", b"t")],
        [Item("app/b", b"x" * 9000), Item("app/c", b"x" * 9000), Item("app/other", b"y" * 9000)],
    )

    assert waste(found) == [(WasteKind.DUPLICATE, 2, 1, 18000)]


def test_left_over_caches_are_waste_by_their_cause(tmp_path: Path) -> None:
    found = sized(
        tmp_path,
        [
            Item("var/lib/apt/lists/index.example_dists", b"l" * 5000),
            Item("var/cache/apt/pkgcache.bin", b"p" * 4500),
            Item("root/.cache/pip/http-v2/a/b", b"l" * 5000),
            Item("app/main.py", b"m"),
        ],
    )

    assert [(item.label, item.bytes) for item in found.waste] == [
        ("apt's lists", 5000),
        ("pip's cache", 5000),
        ("apt's cache", 4500),
    ]
    assert found.wasted_bytes == 14500  # the cache that equals the list is not counted a second time as a duplicate


def test_upgraded_distribution_keeps_what_its_old_version_left_in_lower_layers(tmp_path: Path) -> None:
    found = sized(
        tmp_path,
        [Item(f"{SITE}/six.py", b"1" * 10), Item(f"{SITE}/six-1.dist-info/RECORD", record("six.py"))],
        [
            Item(f"{SITE}/.wh.six-1.dist-info"),
            Item(f"{SITE}/six.py", b"2" * 20),
            Item(f"{SITE}/six-2.dist-info/RECORD", record("six.py")),
        ],
    )

    by_name = {str(item.package): (item.bytes, item.hidden_bytes) for item in found.packages}
    assert by_name == {"six 2": (20, 0), "six 1": (0, 10)}


def test_application_is_where_the_container_works(tmp_path: Path) -> None:
    layer = tar([Item("usr/share/shop/main.py", b"m" * 10), Item("usr/share/other", b"o")])
    root = tmp_path / "image"
    with LayoutWriter(root) as writer:
        config = ImageConfig(
            platform=ImagePlatform(architecture="amd64"),
            diff_ids=(Digest.of(layer),),
            run=RunConfig(working_directory="/usr/share/shop"),
        )
        manifest = Manifest(config=writer.put(CONFIG, config.render()), layers=(writer.put(LAYER, layer),))
        layout = writer.finish({"web": writer.put(MANIFEST, manifest.render())})

    assert rest(size_of(layout)) == {"application": 10, "system files without a package": 1}


def test_layers_carry_the_instruction_and_what_is_pulled(tmp_path: Path) -> None:
    root = tmp_path / "image"
    tars = [tar([Item("a", b"a")]), tar([Item("b", b"b")])]
    history = (
        History(created_by="/bin/sh -c #(nop) ADD file:1 in / "),
        History(created_by='/bin/sh -c #(nop)  CMD ["bash"]', empty_layer=True),
        History(created_by="RUN |1 A=b /bin/sh -c chown -R app   /app # buildkit", comment="buildkit.dockerfile.v0"),
    )
    with LayoutWriter(root) as writer:
        config = ImageConfig(
            platform=ImagePlatform(architecture="amd64"),
            diff_ids=tuple(map(Digest.of, tars)),
            history=history,
        )
        manifest = Manifest(
            config=writer.put(CONFIG, config.render()),
            layers=(writer.put(LAYER, tars[0]), writer.put(LAYER_GZIP, gzip.compress(tars[1]))),
        )
        layout = writer.finish({"web": writer.put(MANIFEST, manifest.render())})

    found = size_of(layout)

    assert [layer.instruction for layer in found.layers] == ["ADD file:1 in /", "RUN chown -R app /app"]
    assert found.layers[0].compressed_bytes is None
    assert found.layers[1].compressed_bytes == manifest.layers[1].size
    assert found.compressed_bytes is None


def test_records_without_sense_cost_a_note_not_the_answer(tmp_path: Path) -> None:
    found = sized(
        tmp_path,
        [
            Item("var/lib/dpkg/status", b"no field\n"),
            Item("opt/conda/conda-meta/x.json", b"{"),
            Item(f"{SITE}/x-1.dist-info/RECORD", b'"a\0'),
            Item("app/a", b"a"),
        ],
    )

    assert [note.split(" cannot")[0] for note in found.notes] == [
        "/var/lib/dpkg/status",
        "/opt/conda/conda-meta/x.json",
    ]
    assert rest(found)["application"] == 1


def test_names_cannot_give_orders_to_a_terminal(tmp_path: Path) -> None:
    found = sized(tmp_path, [Item("tmp/\x1b[31mred\udcff", b"x" * 5)])

    assert found.waste[0].examples[0].path == "tmp/\ufffd[31mred\ufffd"


def test_package_ids_sort_by_ecosystem_then_name() -> None:
    ids = [PackageId(ecosystem=e, name=n, version="1") for e, n in [("python", "a"), ("debian", "z"), ("python", "A")]]

    assert [str(item) for item in sorted(ids)] == ["z 1", "A 1", "a 1"]


@pytest.mark.parametrize("item", [Item("a" * 5000, b"x"), symlink("a", "b" * 5000)], ids=["path", "target"])
def test_path_that_no_system_takes_is_refused(item: Item, tmp_path: Path) -> None:
    with pytest.raises(LayerError, match="it has a path that no system takes"):
        sized(tmp_path, [item])


def test_what_lies_very_deep_is_told_by_what_is_above(tmp_path: Path) -> None:
    deep = "/".join(["app", *"abcdefghijklmnop", "tests", "deeper", "t.py"])

    assert rest(sized(tmp_path, [Item(deep, b"t"), Item(deep.replace("tests", "more"), b"mm")])) == {
        "application": 2,
        "tests": 1,
    }


def test_many_broken_records_make_few_notes(tmp_path: Path) -> None:
    found = sized(tmp_path, [Item(f"v{number}/conda-meta/x.json", b"{") for number in range(50)])

    assert len(found.notes) == 21
    assert found.notes[-1] == "more records like these were passed over"
