# SPDX-License-Identifier: Apache-2.0
"""The programs that are timed: their files made ready, their processes started and asked."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENGINE_BATCHES = "1,8,32"


class PeerError(RuntimeError):
    pass


def run_quietly(command, log):
    """Its output goes to the log, and the last lines of that into the error."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        code = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT).returncode
    if code != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        raise PeerError(f"{log.stem} failed with {code}:\n{tail}")


def process_seconds(pid):
    """CPU time that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Factory:
    """Starts programs for one model; everything that it makes is kept in the model's folder."""

    def __init__(self, folder, osprey, threads):
        self.folder = folder
        self.osprey = osprey
        self.threads = threads
        self.image_size = json.loads((folder / "inputs.json").read_text())["image_size"]

    def job(self, name, tower, precision):
        job = {"folder": str(self.folder), "tower": tower, "precision": precision,
               "threads": self.threads, "image_size": self.image_size}
        return job | {"engine": str(self.engine(precision))} if name == "osprey" else job

    def engine(self, precision):
        return self.folder / "osprey" / f"{precision}.osprey"

    def prepare(self, name, tower, precision):
        """Makes what the program loads, unless it is there."""
        log = self.folder / "logs" / f"{name}-{tower}-{precision}.log"
        if name == "osprey":
            self.compile(precision, log)
            return
        job = json.dumps(self.job(name, tower, precision))
        run_quietly([sys.executable, HERE / f"{name}_peer.py", job, "--prepare"], log)

    def compile(self, precision, log):
        """An engine belongs to the program that compiled it, and to how that was asked to."""
        asked = {key: value for key, value in os.environ.items() if key.startswith("OSPREY_")}
        key = hashlib.sha256(self.osprey.read_bytes() + json.dumps(asked, sort_keys=True).encode())
        engine, made_by = self.engine(precision), self.engine(precision).with_suffix(".made-by")
        if engine.exists() and made_by.exists() and made_by.read_text() == key.hexdigest():
            return
        engine.parent.mkdir(exist_ok=True)
        weights = self.folder / "weights"
        model = next(weights.glob("*.npz"), weights)
        run_quietly([self.osprey, "compile", "-m", model, "-o", engine,
                     "--precision", precision, "--batch", ENGINE_BATCHES], log)
        made_by.write_text(key.hexdigest())

    def start(self, name, tower, precision):
        job = json.dumps(self.job(name, tower, precision))
        if name == "osprey":
            command = [self.osprey.with_name("osprey_peer"), job]
        elif tower == "photos":
            command = [sys.executable, HERE / "photos_peer.py", job]
        else:
            command = [sys.executable, HERE / f"{name}_peer.py", job]
        return Program(name, command, self.threads,
                       self.folder / "logs" / f"{name}-{tower}-{precision}-run.log")

    def remove(self):
        shutil.rmtree(self.folder)


class Program:
    """A process that answers requests; see peer_loop.py."""

    def __init__(self, name, command, threads, log):
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        with log.open("w") as errors:
            self.process = subprocess.Popen(command, env=environment, text=True, stderr=errors,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.version = self.answer()["version"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])
            raise PeerError(f"{self.name} ended with {code}:\n{tail}")
        return json.loads(line)

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def cpu_seconds(self):
        return process_seconds(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
