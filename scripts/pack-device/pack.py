"""pack.py FOLDER OUT PRESET ARCH: a zip that Python runs (run.py is its __main__.py) with FOLDER as payload.tar.xz inside.

Written beside OUT and renamed, so that a file of this name is always whole.
"""
import lzma
import os
import sys
import tarfile
import zipfile

stage, out, preset, arch = sys.argv[1:]
# Calls in x86 code become absolute addresses, which repeat: 4 % less.
filters = [{"id": lzma.FILTER_X86}] if arch == "x64" else []
filters.append({"id": lzma.FILTER_LZMA2, "preset": int(preset)})


def anonymous(member):
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


partial = f"{out}.{os.getpid()}.partial"
try:
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        archive.write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "run.py"), "__main__.py")
        with archive.open("payload.tar.xz", "w") as file, lzma.open(file, "wb", filters=filters) as packed:
            with tarfile.open(fileobj=packed, mode="w|") as tar:
                for name in sorted(os.listdir(stage)):
                    tar.add(os.path.join(stage, name), name, filter=anonymous)
    os.replace(partial, out)
finally:
    if os.path.exists(partial):
        os.remove(partial)
