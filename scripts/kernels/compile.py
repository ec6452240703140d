"""Compiles native/ops/cuda/kernels/*.cu for every architecture by NVRTC, which asks for no card, and writes one file of all images.

    python3 compile.py --nvrtc FOLDER --kernels FOLDER --out FILE

FOLDER of --nvrtc holds libnvrtc.so.12 and its builtins. Ends with status 1, and writes nothing, on an error, a warning, a spilled register,
or local memory. The file: a line `hyperfit kernels 1 HASH COUNT`, COUNT lines `SOURCE ARCHITECTURE OFFSET SIZE` (offsets from the start of
the file; native/ops/cuda/launch/images.h reads it), and the images: machine code of `sm_90a` and the like, PTX of `compute_75`.
"""

import argparse
import ctypes
import fcntl
import hashlib
import json
import re
import sys
import time
from pathlib import Path

# Code of sm_80 serves 8.x, that of 100 and 120 their families; 90a is Hopper's own. PTX serves what is older (from Turing on) or newer.
ARCHITECTURES = ["sm_80", "sm_86", "sm_89", "sm_90a", "sm_100", "sm_120", "compute_75"]
ALIGNMENT = 64


class Nvrtc:
    def __init__(self, folder: Path):
        # The library opens its builtins by bare name: they have to be there before.
        for builtins in folder.glob("libnvrtc-builtins.so.*"):
            ctypes.CDLL(str(builtins), ctypes.RTLD_GLOBAL)
        self.library = ctypes.CDLL(str(next(folder.glob("libnvrtc.so.*"))))
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p

    def call(self, name: str, *arguments) -> int:
        return getattr(self.library, name)(*arguments)

    def check(self, name: str, *arguments) -> None:
        status = self.call(name, *arguments)
        if status != 0:
            raise RuntimeError(f"{name}: {self.library.nvrtcGetErrorString(status).decode()}")

    def text(self, program, what: str) -> bytes:
        size = ctypes.c_size_t()
        self.check(f"nvrtcGet{what}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self.check(f"nvrtcGet{what}", program, buffer)
        return buffer.raw

    def compile(self, source: Path, architecture: str) -> tuple[bytes, str]:
        """The image, and what the compiler said."""
        is_ptx = architecture.startswith("compute_")
        options = [
            f"--gpu-architecture={architecture}",
            "--std=c++20",
            "--device-as-default-execution-space",
            f"--include-path={source.parent}",
            "--ptxas-options=-v",
        ]
        encoded = [option.encode() for option in options]
        program = ctypes.c_void_p()
        self.check("nvrtcCreateProgram", ctypes.byref(program), source.read_bytes(), source.name.encode(), 0, None, None)
        try:
            status = self.call("nvrtcCompileProgram", program, len(encoded), (ctypes.c_char_p * len(encoded))(*encoded))
            log = self.text(program, "ProgramLog").rstrip(b"\0").decode()
            if status != 0:
                raise RuntimeError(f"{source.name} for {architecture} does not compile:\n{log}")
            return self.text(program, "PTX" if is_ptx else "CUBIN"), log
        finally:
            self.call("nvrtcDestroyProgram", ctypes.byref(program))


def resources(log: str) -> dict[str, dict[str, int]]:
    """By kernel: registers, and bytes of stack, spills and shared memory, as ptxas tells them."""
    found = {}
    for part in re.split(r"Compiling entry function '", log)[1:]:
        numbers = {name: int(match[1]) if (match := re.search(pattern, part)) else 0 for name, pattern in PATTERNS.items()}
        found[part[: part.index("'")]] = numbers
    return found


PATTERNS = {
    "registers": r"Used (\d+) registers",
    "stack": r"(\d+) bytes stack frame",
    "stores": r"(\d+) bytes spill stores",
    "loads": r"(\d+) bytes spill loads",
    "local": r"(\d+) bytes lmem",
    "shared": r"(\d+) bytes smem",
}


def complaints(source: Path, architecture: str, log: str) -> list[str]:
    where = f"{source.name} for {architecture}"
    found = [f"{where}: {line}" for line in log.splitlines() if "warning" in line.lower()]
    if architecture.startswith("compute_"):
        return found
    used = resources(log)
    if not used:
        return [*found, f"{where}: expected the resources of at least one kernel, got none"]
    for kernel, numbers in used.items():
        wasted = {name: numbers[name] for name in ("stack", "stores", "loads", "local") if numbers[name] > 0}
        if wasted:
            found.append(f"{where}: {kernel} keeps in memory what belongs in registers: {wasted}")
    return found


def source_hash(folder: Path) -> str:
    """Of all sources, as CMakeLists.txt takes it: the addon launches no kernel that was compiled from others."""
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir()) if path.is_file()]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def pack(images: list[tuple[str, str, bytes]], digest: str) -> bytes:
    def header(offsets: list[int]) -> bytes:
        rows = [f"{source} {architecture} {offset:010d} {len(image)}" for (source, architecture, image), offset in zip(images, offsets)]
        return "\n".join([f"hyperfit kernels 1 {digest} {len(images)}", *rows, ""]).encode()

    position = len(header([0] * len(images)))
    offsets = []
    for _, _, image in images:
        position += -position % ALIGNMENT
        offsets.append(position)
        position += len(image)
    packed = bytearray(header(offsets))
    for (_, _, image), offset in zip(images, offsets):
        packed += b"\0" * (offset - len(packed)) + image
    return bytes(packed)


def packed_hash(path: Path) -> str:
    """Of the sources that a file was compiled from; "" where there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return (file.readline(200).decode("latin-1").split() + [""] * 4)[3]


def compile_all(settings) -> int:
    nvrtc = Nvrtc(settings.nvrtc)
    started = time.monotonic()
    images, found, used = [], [], {}
    for source in sorted(settings.kernels.glob("*.cu")):
        for architecture in settings.only:
            image, log = nvrtc.compile(source, architecture)
            found += complaints(source, architecture, log)
            images.append((source.stem, architecture, image))
            for kernel, numbers in resources(log).items():
                used.setdefault(kernel, {})[architecture] = numbers["registers"]
    if found:
        print("\n".join(found), file=sys.stderr)
        return 1
    packed = pack(images, source_hash(settings.kernels))
    fresh = settings.out.with_suffix(".new")
    fresh.write_bytes(packed)
    fresh.replace(settings.out)
    print(json.dumps({"images": len(images), "bytes": len(packed), "seconds": round(time.monotonic() - started, 1), "registers": used}))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nvrtc", type=Path, required=True)
    parser.add_argument("--kernels", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=ARCHITECTURES)
    settings = parser.parse_args()
    with settings.out.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever waited finds the file of the one before
        if settings.only == ARCHITECTURES and packed_hash(settings.out) == source_hash(settings.kernels):
            return 0
        return compile_all(settings)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
