"""Runs a command on a terminal of its own and prints what came there as JSON: [seconds, text] pieces and the exit code.
Usage: terminal.py INTERRUPT COMMAND...; INTERRUPT is how many characters to wait for before Ctrl-C, or 0 for never.
With HYPERFIT_TEST_ANSWER that is typed once, when a line ends with "] "."""
import json
import os
import pty
import sys
import time

interrupt = int(sys.argv[1])
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
pieces, start, seen, sent = [], time.monotonic(), 0, False
answer = os.environ.get("HYPERFIT_TEST_ANSWER")
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:  # how Linux says that the other end is closed
        break
    if not data:
        break
    pieces.append([time.monotonic() - start, data.decode("utf-8", "replace")])
    seen += len(data)
    if answer is not None and "] " in "".join(text for _, text in pieces):
        os.write(terminal, answer.encode() + b"\r")
        answer = None
    if interrupt and not sent and seen >= interrupt:
        os.write(terminal, b"\x03")
        sent = True
_, status = os.waitpid(child, 0)
print(json.dumps({"pieces": pieces, "code": os.waitstatus_to_exitcode(status)}))
