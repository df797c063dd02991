from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.local import account, home
from config.local.account import Account
from config.local.errors import RunnerError

NOBODY = account.for_postgres() or account.ours()
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may hand files to others")


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of the machine, as every account may step through it."""
    place = Path("/var/tmp") / f"stepwell-test-{os.getpid()}"  # noqa: S108 - made and removed here
    monkeypatch.setattr(home, "MACHINE", place)
    return place


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def make_home(root: Path, postgres: Account | None = None) -> home.Home:
    return home.create(root, postgres)


def test_only_its_owner_can_enter_the_home(tmp_path: Path) -> None:
    made = make_home(tmp_path / "home")
    assert mode(made.root) == mode(made.sockets) == mode(made.postgres) == 0o700


def test_a_home_made_again_keeps_its_places(tmp_path: Path) -> None:
    assert make_home(tmp_path / "home") == make_home(tmp_path / "home")


def test_a_long_path_gets_a_short_directory_for_sockets(tmp_path: Path) -> None:
    made = make_home(tmp_path / ("x" * 100))
    assert not made.sockets.is_relative_to(made.root)
    assert len(str(made.sockets / "postgres" / ".s.PGSQL.5432")) <= 107
    assert mode(made.sockets) == 0o700
    home.remove_sockets(made)
    assert not made.sockets.exists()


def test_a_socket_directory_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / ("x" * 100)
    made = make_home(root)
    home.remove_sockets(made)
    made.sockets.symlink_to(tmp_path)
    try:
        with pytest.raises(RunnerError, match="somebody else"):
            make_home(root)
    finally:
        made.sockets.unlink()


def test_a_second_runner_of_one_home_is_refused(tmp_path: Path) -> None:
    with home.locked(tmp_path):
        assert home.is_locked(tmp_path)
        with pytest.raises(RunnerError, match="already runs"), home.locked(tmp_path):
            pass
    assert not home.is_locked(tmp_path)


@as_root
def test_a_database_in_a_private_place_moves_without_opening_it(
    tmp_path: Path, outside: Path
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    made = make_home(private / "home", NOBODY)
    try:
        assert made.postgres.parent == outside
        assert made.root.joinpath("postgres").resolve() == made.postgres
        assert mode(private) == 0o700
        assert make_home(private / "home", NOBODY).postgres == made.postgres
    finally:
        made.postgres.rmdir()
        outside.rmdir()
        home.remove_sockets(made)
