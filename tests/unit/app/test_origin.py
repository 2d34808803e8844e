"""What images say of where they come from."""

from pathlib import Path

from careen.app.origin import origin_of
from careen.blobs.digest import Digest
from careen.build.engine import Origin


def test_version_address_and_lock(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "a"\nversion = "1.2"\n'
        '[project.urls]\nHomepage = "https://a.example"\nSource-Code = "https://ada:swordfish@git.example/a?token=1"\n'
    )
    (tmp_path / "uv.lock").write_bytes(b"lock")
    found = origin_of(tmp_path, tmp_path / "uv.lock", "abc")
    assert found == Origin(version="1.2", source="https://git.example/a", revision="abc", lock=Digest.of(b"lock"))


def test_what_is_not_there_stays_unknown(tmp_path: Path) -> None:
    assert origin_of(tmp_path, None, "") == Origin()
    (tmp_path / "pyproject.toml").write_text('[project]\ndynamic = ["version"]\nurls = {Source = "not an address"}\n')
    assert origin_of(tmp_path, tmp_path / "uv.lock", "") == Origin()
