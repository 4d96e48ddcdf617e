"""What is dear is made once in a run of the tests, by whichever worker of pytest-xdist needs it first."""

import contextlib
import fcntl
import pickle


@contextlib.contextmanager
def locked(path):
    """Hold the lock of this file; others wait."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Shared:
    """A folder that all workers of one run share.

    Args:
        tmp_path_factory: pytest's.
    """

    def __init__(self, tmp_path_factory):
        own = tmp_path_factory.getbasetemp()
        self.folder = own.parent if own.name.startswith("popen-") else own

    def give(self, name, make):
        """Return what `make(folder)` gives, made once in a folder of this name; it is pickled for the others."""
        folder, kept = self.folder / f"once-{name}", self.folder / f"once-{name}.pickle"
        with locked(self.folder / f"once-{name}.lock"):
            if not kept.exists():
                folder.mkdir(exist_ok=True)
                kept.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(kept.read_bytes())
