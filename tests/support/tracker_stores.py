"""Trackers as a program uses them, each with its own store read back: runs begun, ended, and what is in them.

A store's `read` gives a run for each element: the values of each key and step, in the order in which they were written.
"""

import json
import os
import sqlite3
import tempfile
from collections import defaultdict
from contextlib import closing
from pathlib import Path

os.environ["TRACKIO_DIR"] = tempfile.mkdtemp(prefix="trackio-")  # read when Trackio is imported
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"

import mlflow
import swanlab
import trackio
from swanlab.proto.swanlab.record.v1.record_pb2 import Record
from swanlab.sdk.internal.core_python.store import DataStoreReader
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from torch.utils.tensorboard import SummaryWriter


class Tensorboard:
    """Event files; the program's own writer is what the test hands over."""

    name = "tensorboard"
    digits = 6  # single precision

    def __init__(self, folder):
        self.folder = folder

    def begin(self):
        return SummaryWriter(str(self.folder / "runs"))

    def log(self, run, values, step):
        for key, value in values.items():
            run.add_scalar(key, value, step)

    def end(self, run):
        run.close()

    def read(self):
        """A run is a folder, in however many files."""
        runs = defaultdict(lambda: defaultdict(list))
        for path in sorted(self.folder.rglob("events.out.tfevents.*")):
            for key, step, value in scalars_in(path):
                runs[path.parent][key, step].append(value)
        return list(runs.values())


def scalars_in(path):
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            if value.tensor.float_val:
                yield value.tag, event.step, value.tensor.float_val[0]


class Trackio:
    """SQLite files, one for a project."""

    name = "trackio"
    digits = 15

    def __init__(self, folder):
        self.folder = Path(trackio.utils.TRACKIO_DIR)
        for path in self.folder.glob("*.*"):
            path.unlink()

    def begin(self):
        return trackio.init(project="theirs", auto_log_cpu=False, auto_log_gpu=False)

    def log(self, run, values, step=None):
        trackio.log(values, step=step)

    def end(self, run):
        trackio.finish()

    def read(self):
        runs = defaultdict(lambda: defaultdict(list))
        for path in sorted(self.folder.glob("*.db")):
            with closing(sqlite3.connect(path)) as database:
                rows = database.execute("select run_id, step, metrics from metrics order by id")
                for run, step, values in rows:
                    for key, value in json.loads(values).items():
                        runs[run][key, step].append(value)
        return list(runs.values())


class Mlflow:
    """A file store, or a database."""

    name = "mlflow"
    digits = 15

    def __init__(self, folder, scheme="sqlite:///"):
        self.uri = scheme + str(folder / "mlflow.db")
        mlflow.set_tracking_uri(self.uri)

    def begin(self):
        return mlflow.start_run()

    def log(self, run, values, step):
        mlflow.log_metrics(values, step=step)

    def end(self, run):
        mlflow.end_run()

    @property
    def runs(self):
        client = mlflow.MlflowClient(self.uri)
        return client, client.search_runs([one.experiment_id for one in client.search_experiments()])

    def read(self):
        client, runs = self.runs
        found = []
        for run in runs:
            found.append(defaultdict(list))
            for key in run.data.metrics:
                for metric in client.get_metric_history(run.info.run_id, key):
                    found[-1][key, metric.step].append(metric.value)
        return found


class MlflowFiles(Mlflow):
    name = "mlflow"

    def __init__(self, folder):
        super().__init__(folder, "file://")


class Swanlab:
    """The log of an offline run."""

    name = "swanlab"
    digits = 15

    def __init__(self, folder):
        self.folder = folder / "swanlog"

    def begin(self):
        return swanlab.init(mode="offline", log_dir=str(self.folder), project="theirs", interactive=False)

    def log(self, run, values, step=None):
        swanlab.log(values, step=step)

    def end(self, run):
        swanlab.finish()

    def read(self):
        found = []
        for path in sorted(self.folder.rglob("*.swanlab")):
            found.append(defaultdict(list))
            reader = DataStoreReader()
            reader.open(path)
            for data in reader:
                scalar = Record.FromString(data).scalar
                if scalar.key and not scalar.key.startswith("__"):
                    found[-1][scalar.key, scalar.step].append(scalar.value.number)
            reader.close()
        return found


STORES = {"mlflow": Mlflow, "mlflow files": MlflowFiles, "swanlab": Swanlab, "tensorboard": Tensorboard}
STORES["trackio"] = Trackio


def end_runs():
    """Leave no run behind."""
    mlflow.end_run()
    if swanlab.has_run():
        swanlab.finish()
    if trackio.context_vars.current_run.get() is not None:
        trackio.finish()
