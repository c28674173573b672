"""Disks and files that refuse."""

from __future__ import annotations

import os
from pathlib import Path

import numpy
import pytest
from conftest import PATIENCE, run, start

import maquette


def test_a_full_disk_is_an_error_and_nothing_is_half_written(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk. Python ignores its signal; the library must bear it too."""
    result = run(
        """
        import resource
        path = f"{sys.argv[1]}/full.db"
        digits = Digits()
        store = maquette.Store(f"sqlite:{path}")
        dataset = store.dataset("digits")
        dataset.append(digits.X[:10], digits.y[:10])
        model = maquette.MLPClassifier(layers=[512, 512], epochs=1).fit(digits.X, digits.y)
        model.save(store, "small")
        resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(path) + 300_000, resource.RLIM_INFINITY))

        def fill():
            for _ in range(1000):
                dataset.append(digits.X, digits.y)

        for what in (fill, lambda: [model.save(store, "big") for _ in range(100)]):
            try:
                what()
                print("no error")
            except maquette.FullError as error:
                assert isinstance(error, OSError) and error.errno == 28
                print("full")
        # What is there is whole, readable, and of no half operation.
        assert (len(dataset) - 10) % len(digits.X) == 0, len(dataset)
        X, codes, labels = dataset.to_arrays()
        assert numpy.array_equal(X[:10], digits.X[:10])
        assert len(codes) == len(dataset) and set(labels) <= set(model.labels)
        # And the store works again when there is room.
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        dataset.append(digits.X, digits.y)
        model.save(store, "after")
        dataset.clear()
        store.close()
        with maquette.Store(f"sqlite:{path}") as store, maquette.MLPClassifier() as other:
            other.load(store, "after")
            assert numpy.array_equal(other.predict_proba(digits.X_test), model.predict_proba(digits.X_test))
            other.load(store, "small")
        """,
        tmp_path,
        timeout=PATIENCE * 4,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "full\nfull\n", "")


def test_a_limit_whose_signal_is_not_ignored_does_not_kill(tmp_path: Path) -> None:
    result = run(
        """
        import resource
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        digits = Digits()
        dataset = maquette.Store(f"sqlite:{sys.argv[1]}/full.db").dataset("digits")
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
        try:
            while True:
                dataset.append(digits.X, digits.y)
        except maquette.FullError:
            print("full")
        """,
        tmp_path,
    )
    assert (result.returncode, result.stdout) == (0, "full\n"), result.stderr


def test_a_read_only_directory_is_an_error(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(maquette.StoreIOError):
        maquette.Store(tmp_path / "store.db")


def test_a_path_below_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(maquette.StoreIOError):
        maquette.Store(tmp_path / "file" / "store.db")


@pytest.mark.parametrize("damage", ["cut", "zeros", "noise"])
def test_a_damaged_file_is_an_error_not_a_crash(tmp_path: Path, damage: str, blobs) -> None:
    path = tmp_path / "damaged.db"
    with maquette.Store(path) as store, store.dataset("points") as dataset:
        for _ in range(30):
            dataset.append(*blobs)
        with maquette.MLPClassifier(epochs=1) as model:
            model.fit(dataset).save(store, "model")
    whole = path.read_bytes()
    generator = numpy.random.default_rng(5)
    for place in range(0, len(whole), max(1, len(whole) // 25)):
        content = bytearray(whole)
        if damage == "cut":
            content = content[:place]
        elif damage == "zeros":
            content[place : place + 2000] = bytes(len(content[place : place + 2000]))
        else:
            content[place : place + 200] = generator.bytes(len(content[place : place + 200]))
        damaged = tmp_path / f"damaged-{place}.db"
        damaged.write_bytes(content)
        try:
            with maquette.Store(damaged) as store, store.dataset("points") as dataset:
                for use in (
                    dataset.to_arrays,
                    lambda dataset=dataset: list(dataset),
                    lambda dataset=dataset, blobs=blobs: dataset.append(*blobs),
                    lambda store=store: maquette.MLPClassifier().load(store, "model"),
                ):
                    try:
                        use()
                    except maquette.MaquetteError as error:
                        assert not isinstance(error, maquette.InternalError)
        except maquette.MaquetteError as error:
            assert not isinstance(error, maquette.InternalError)


def test_two_processes_write_one_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    with maquette.Store(path) as store, store.dataset("points") as dataset:
        processes = [
            start(
                """
                with maquette.Store(f"sqlite:{sys.argv[1]}") as store, store.dataset("points") as dataset:
                    for number in range(50):
                        dataset.append([[number, int(sys.argv[2])]], [sys.argv[2]])
                """,
                path,
                number,
            )
            for number in range(3)
        ]
        for process in processes:
            _, errors = process.communicate(timeout=PATIENCE * 2)
            assert process.returncode == 0, errors
        assert len(dataset) == 150
        assert sorted(dataset.labels) == ["0", "1", "2"]
        X, _, _ = dataset.to_arrays()
        for number in range(3):
            assert X[X[:, 1] == number][:, 0].tolist() == list(range(50))


def test_what_a_killed_process_was_told_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "killed.db"
    process = start(
        """
        dataset = maquette.Store(f"sqlite:{sys.argv[1]}").dataset("points")
        number = 0
        while True:
            dataset.append([[number, 0]], ["a"])
            number += 1
            print(number, flush=True)
        """,
        path,
    )
    assert process.stdout
    for line in process.stdout:
        if int(line) == 20:
            break
    process.kill()
    # Not by communicate(), which leaves out what the loop has read ahead.
    rest = process.stdout.read()
    process.wait(PATIENCE)
    process.stdout.close()
    assert process.stderr
    process.stderr.close()
    told = max([20, *(int(line) for line in rest.split("\n")[:-1])])
    with maquette.Store(path) as store, store.dataset("points") as dataset:
        assert len(dataset) in (told, told + 1)
