"""What the Python runners share. A runner is one process with one JSON argument and one JSON object on its last line."""
import json
import os
import resource
import sys

settings = json.loads(sys.argv[1])
# Where to compute, the same for every contender.
device = os.environ.get("BENCH_DEVICE") or "cpu"
device_type = device.split(":")[0]


def wait():
    """Until the device has done what was asked of it: a card is only told."""
    if device_type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def answer(result):
    """Prints the result and ends the process."""
    print(json.dumps(result))
    sys.exit(0)


def read_tokens():
    import torch

    return torch.tensor(json.load(open(settings["tokens"])))


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def peak_bytes():
    """Largest resident set so far. Not getrusage's: that begins with the peak of the process that started this one."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))


def minor_faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def read_config():
    with open(f"{settings['weights']}/config.json") as file:
        return json.load(file)
