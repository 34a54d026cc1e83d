"""Files appear whole or not at all."""

import os
import stat
import threading

import pytest

from segalgo._core.writing import replacing


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "scores.json"
    with replacing(path) as beside:
        beside.write_text("new")
        assert not path.exists()
        assert beside.parent == tmp_path
        assert beside.suffix == ".json"
        assert beside.name.startswith(".")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["scores.json"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError])
def test_an_interrupted_writer_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a.png"
    path.write_text("old")

    def interrupted():
        with replacing(path) as beside:
            beside.write_text("ha")
            raise error

    with pytest.raises(error):
        interrupted()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_permissions_and_links_stay(tmp_path):
    path, link = tmp_path / "a.txt", tmp_path / "link.txt"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to("a.txt")
    with replacing(link) as beside:
        beside.write_text("new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "b.txt") as beside:
            beside.write_text("new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "b.txt").stat().st_mode) == 0o640


def test_devices_are_written_and_not_replaced():
    with replacing("/dev/null") as beside:
        beside.write_text("words")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize(("name", "error"), [("none/a.txt", FileNotFoundError), ("n" * 300, OSError), ("", OSError)])
def test_errors_name_the_final_path(tmp_path, name, error):
    path = tmp_path / name if name else tmp_path
    with pytest.raises(error) as caught, replacing(path):
        pass
    assert caught.value.filename in (str(path), os.path.realpath(path))
    assert os.listdir(tmp_path) == []


def test_two_writers_do_not_mix(tmp_path):
    path = tmp_path / "a.txt"

    def write(word):
        for _ in range(30):
            with replacing(path) as beside, beside.open("w") as file:
                for _ in range(50):
                    file.write(word)
                    file.flush()

    threads = [threading.Thread(target=write, args=(word,)) for word in "ab"]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if path.exists():
            assert path.read_text() in ("a" * 50, "b" * 50)
    for thread in threads:
        thread.join()
    assert os.listdir(tmp_path) == ["a.txt"]
