"""What concerns whole processes: Ctrl-C, exit, fork, imports, another process."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy
import pytest
from conftest import KINDS, PATIENCE, Digits, answers, environment, run, start

import maquette

# Ctrl-C


@pytest.mark.parametrize(
    "waiting",
    [
        "model.wait()",
        "model.wait(progress=True)",
        "model.wait(1000)",
        "[status for status in model.training]",
        "[status for status in model.training.queue()]",
    ],
)
def test_ctrl_c_gets_through_to_whoever_waits(waiting: str) -> None:
    result = run(
        f"""
        digits = Digits()
        model = maquette.MLPClassifier(epochs=ENDLESS)
        main = threading.get_ident()

        def is_waiting():
            frame, names = sys._current_frames()[main], []
            while frame:
                names.append(frame.f_code.co_name)
                frame = frame.f_back
            return names[0] in ("call", "_take") and ("_wait" in names or "__next__" in names)

        def interrupt():
            while not is_waiting():
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGINT)

        model.train(digits.X, digits.y)
        threading.Thread(target=interrupt).start()
        try:
            {waiting}
        except KeyboardInterrupt:
            print("interrupted", model.is_training)
        """
    )
    # wait() cancels its training; iterating only looks on.
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == f"interrupted {'model' + '.training' in waiting}"


def test_ctrl_c_in_fit_ends_the_program_as_ever() -> None:
    process = start(
        """
        digits = Digits()
        print("waiting", flush=True)
        maquette.MLPClassifier(epochs=ENDLESS).fit(digits.X, digits.y)
        """
    )
    assert process.stdout
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode in (-signal.SIGINT, 130, 1)
    assert errors.rstrip().endswith("KeyboardInterrupt")


def test_a_signal_handler_runs_while_waiting(digits: Digits) -> None:
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
    try:
        with maquette.MLPClassifier(epochs=1_000_000) as model:
            model.train(digits.X, digits.y)
            signal.raise_signal(signal.SIGUSR1)
            with pytest.raises(maquette.WaitTimeoutError):
                model.wait(0.2)
            assert seen == [1]
    finally:
        signal.signal(signal.SIGUSR1, before)


# Exit


EXITS = {
    "with callbacks": """
        model = maquette.MLPClassifier(epochs=ENDLESS)
        model.training.subscribe(lambda status: digits.X.sum())
        model.parameter("epochs").subscribe(print)
        model.train(digits.X, digits.y)
        """,
    "with a slow callback": """
        model = maquette.MLPClassifier(epochs=ENDLESS)
        begun = threading.Event()
        model.training.subscribe(lambda status: (begun.set(), time.sleep(0.02)))
        model.train(digits.X, digits.y)
        begun.wait()
        """,
    "with a queue, a store and a log": """
        store = maquette.Store()
        dataset = store.dataset("digits")
        dataset.append(digits.X, digits.y)
        dataset.counts.subscribe(lambda count: None)
        maquette.set_log("debug", lambda level, text: None)
        model = maquette.MLPClassifier(epochs=ENDLESS)
        events = iter(model.training)
        model.train(dataset, progress=open(os.devnull, "w"))
        next(events)
        """,
    "with threads": """
        model = maquette.MLPClassifier(epochs=ENDLESS)
        model.train(digits.X, digits.y)
        for _ in range(4):
            threading.Thread(target=lambda: list(model.training), daemon=True).start()
        """,
    "with models in a cycle": """
        class Watcher:
            def __init__(self):
                self.model = maquette.MLPClassifier(epochs=ENDLESS)
                self.model.training.subscribe(self.watch)
                self.model.train(digits.X, digits.y)
            def watch(self, status):
                self.model.epochs
        for _ in range(5):
            Watcher()
        """,
    "closed but not waited for": """
        model = maquette.MLPClassifier(epochs=ENDLESS)
        model.training.subscribe(lambda status: digits.X.sum())
        model.train(digits.X, digits.y)
        model.close()
        """,
}


@pytest.mark.parametrize("how", EXITS)
@pytest.mark.parametrize("leaving", ["", "sys.exit(0)"])
def test_the_interpreter_exits_during_a_training(how: str, leaving: str) -> None:
    for _ in range(50 if how == "with callbacks" and not leaving else 5):
        result = run("digits = Digits()\n" + "import textwrap\n" + f"exec(textwrap.dedent({EXITS[how]!r}))\n{leaving}")
        assert (result.returncode, result.stderr) == (0, "")


def test_the_exit_status_of_a_failing_program_stays() -> None:
    result = run(
        """
        digits = Digits()
        model = maquette.MLPClassifier(epochs=ENDLESS)
        model.training.subscribe(lambda status: None)
        model.train(digits.X, digits.y)
        sys.exit(3)
        """
    )
    assert (result.returncode, result.stderr) == (3, "")


def test_what_was_written_before_an_exit_is_there_afterwards(tmp_path) -> None:
    result = run(
        """
        store = maquette.Store(f"sqlite:{sys.argv[1]}/kept.db")
        dataset = store.dataset("points")
        dataset.append([[1, 2], [3, 4]], ["a", "b"])
        """,
        tmp_path,
    )
    assert result.returncode == 0, result.stderr
    with maquette.Store(tmp_path / "kept.db") as store, store.dataset("points") as dataset:
        assert len(dataset) == 2


def test_what_is_open_is_closed_at_exit_whoever_else_finalizes_then() -> None:
    # The program knows of nothing but Maquette, so that Python's own finalizers register themselves behind its import.
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            """if True:
            import atexit

            def tell():
                from maquette._library import library
                print([library.maquette_model_cancel(handle), library.maquette_history_flush(history, 0, None)])

            atexit.register(tell)  # runs behind everything that is registered later
            import maquette

            store = maquette.Store("memory:")
            recorded = maquette.TrainingHistory(store)
            model = maquette.KNNClassifier()
            handle, history = model._handle, recorded._handle
            """,
        ],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    bad = maquette.BadHandleError().status
    assert (result.returncode, result.stderr, result.stdout) == (0, "", f"{[bad, bad]}\n")


# Fork


def test_a_forked_child_gets_an_error_and_exits_well() -> None:
    result = run(
        """
        digits = Digits()
        store = maquette.Store()
        dataset = store.dataset("digits")
        dataset.append(digits.X, digits.y)
        model = maquette.MLPClassifier(epochs=ENDLESS)
        model.training.subscribe(lambda status: None)
        events = model.training.queue()
        model.train(dataset)
        next(status for status in model.training if status.status == "epoch")
        model.predict(digits.X[0])
        predictor = model.predictor()
        import warnings
        warnings.simplefilter("ignore")  # Python 3.12 warns of forking beside threads, which is the point here
        child = os.fork()
        if child == 0:
            uses = [
                lambda: model.predict(digits.X[0]),
                lambda: predictor(digits.X[0]),
                lambda: model.predict(digits.X),
                lambda: model.wait(),
                lambda: model.cancel(),
                lambda: model.train(dataset),
                lambda: maquette.Model("knn-classifier"),
                lambda: maquette.kinds(),
                lambda: maquette.Store(),
                lambda: len(dataset),
                lambda: dataset.append(digits.X, digits.y),
                lambda: events.get(0),
                lambda: model.epochs,
                lambda: maquette.set_log("info"),
            ]
            for number, use in enumerate(uses):
                try:
                    use()
                except maquette.ForkedError:
                    continue
                except BaseException as error:
                    print(number, repr(error))
                    sys.exit(1)
                print(number, "no error")
                sys.exit(1)
            model.close()
            del dataset, store, events
            sys.exit(0)
        _, status = os.waitpid(child, 0)
        assert model.is_training
        assert model.predict(digits.X[0]).label in model.labels
        print("child", os.waitstatus_to_exitcode(status))
        """
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "child 0\n", "")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_beside_a_training(method: str, tmp_path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        """
import multiprocessing, sys
import numpy, maquette

def work(number):
    try:
        with maquette.KNNClassifier(k=1) as model:
            return model.fit(numpy.eye(4), list("abab")).predict(numpy.eye(4)[number]).label
    except maquette.ForkedError as error:
        return error  # goes back through pickle

if __name__ == "__main__":
    with maquette.MLPClassifier(epochs=1000000) as model:
        model.train(numpy.eye(4).repeat(50, 0), list("abcd") * 50)
        with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
            answers = pool.map(work, range(4))
        print([str(type(answer).__name__) if isinstance(answer, Exception) else answer for answer in answers])
"""
    )
    result = subprocess.run(
        [sys.executable, program, method],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    expected = ["ForkedError"] * 4 if method == "fork" else ["a", "b", "a", "b"]
    assert (result.returncode, result.stdout.strip()) == (0, str(expected)), result.stderr


# Another process


def test_another_process_loads_a_model_and_predicts_the_same_bits(tmp_path, digits: Digits) -> None:
    path = tmp_path / "digits.db"
    with maquette.Store(path) as store:
        for kind in KINDS:
            with maquette.Model(kind) as model:
                model.fit(digits.X, answers(kind, digits.y)).save(store, kind)
                numpy.save(tmp_path / f"{kind}.npy", model.predict_proba(digits.X_test))
        # The store stays open here while the other process reads.
        result = run(
            """
            digits = Digits()
            with maquette.Store(f"sqlite:{sys.argv[1]}/digits.db") as store:
                for kind in KINDS:
                    model = maquette.Model(kind)
                    model.load(store, kind)
                    expected = numpy.load(f"{sys.argv[1]}/{kind}.npy")
                    assert model.predict_proba(digits.X_test).tobytes() == expected.tobytes()
                    one_by_one = numpy.array([model.predict_proba(row) for row in digits.X_test])
                    assert one_by_one.tobytes() == expected.tobytes(), abs(one_by_one - expected).max()
            print("same")
            """,
            tmp_path,
        )
    assert (result.returncode, result.stdout) == (0, "same\n"), result.stderr


@pytest.mark.parametrize("first", ["numpy", "maquette"])
def test_numpy_and_maquette_are_imported_in_either_order(first: str) -> None:
    second = {"numpy": "maquette", "maquette": "numpy"}[first]
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import {first}, {second}\n"
            "a = numpy.random.default_rng(1).random((300, 300))\n"
            "assert numpy.allclose(numpy.linalg.inv(a) @ a, numpy.eye(300))\n"
            "model = maquette.MLPClassifier(epochs=5).fit(a, ['a', 'b', 'c'] * 100)\n"
            "assert numpy.allclose(model.predict_proba(a).sum(axis=1), 1)\n"
            "assert numpy.allclose(numpy.linalg.inv(a) @ a, numpy.eye(300))\n"
            "print('well')\n",
        ],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (result.returncode, result.stdout) == (0, "well\n"), result.stderr
