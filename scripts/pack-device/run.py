"""Unpacks Node and hyperfit, runs check:device with this Python's torch, and takes everything away again.

The options are those of check:device; `--unpack FOLDER` unpacks there and stops. Python 3.8 or later; nothing else is needed.
"""
import lzma
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile


def unpack(folder):
    started = time.monotonic()
    with zipfile.ZipFile(os.path.abspath(sys.argv[0])) as archive, archive.open("payload.tar.xz") as file:
        with lzma.open(file) as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
            # Later Pythons warn of archives from strangers; this one is our own.
            options = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
            tar.extractall(folder, **options)
    print(f"unpacked in {time.monotonic() - started:.1f} s", file=sys.stderr)


def run(folder, arguments):
    """The exit status of check:device. What ends this process ends it too, and its document is whole then."""
    # Nothing is to stay on the machine, and trying libtorch first in a child leaves a file in the cache.
    env = {"HYPERFIT_PYTHON": sys.executable, "HYPERFIT_LIBTORCH_CHECK": "0", **os.environ}
    program = [os.path.join(folder, "bin", "node"), os.path.join(folder, "scripts", "check-device.mjs")]
    child = subprocess.Popen([*program, *arguments], env=env)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: child.send_signal(received))
    status = child.wait()
    return 128 - status if status < 0 else status


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--unpack"]:
        if len(arguments) != 2:
            sys.exit("error: expected one folder after --unpack")
        unpack(arguments[1])
        print(os.path.join(arguments[1], "bin", "node"), os.path.join(arguments[1], "scripts", "check-device.mjs"))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is unpacked by then goes too
    folder = tempfile.mkdtemp(prefix="hyperfit-check-device-")
    try:
        unpack(folder)
        return run(folder, arguments)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


sys.exit(main())
