"""What the emulator's own process does with its files."""

from pathlib import Path

from infra.local import emulator_process


def test_folders_that_vanish_while_links_are_looked_for_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "code").symlink_to(tmp_path)
        (tmp_path / name / "other").touch()

    links = emulator_process._links(tmp_path)
    first = next(links)
    vanishing = min({"a", "b", "c"} - {first.parent.name})
    for path in (tmp_path / vanishing / "code", tmp_path / vanishing / "other"):
        path.unlink()
    (tmp_path / vanishing).rmdir()

    assert {first, *links} == {tmp_path / name / "code" for name in {"a", "b", "c"} - {vanishing}}
