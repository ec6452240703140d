"""Talks with a command on a terminal of its own and prints what came there as JSON: the text and the exit code.
Usage: dialogue.py COLUMNS STEPS COMMAND...; STEPS is JSON, [[text to wait for in what has come since the last step, text to type], ...]."""
import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

columns, steps = int(sys.argv[1]), json.loads(sys.argv[2])
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    os.execvp(sys.argv[3], sys.argv[3:])
text, since, deadline = "", 0, time.monotonic() + 90
while time.monotonic() < deadline:
    if steps and steps[0][0] in text[since:]:
        _, typed = steps.pop(0)
        since = len(text)
        os.write(terminal, typed.encode())
        continue
    if not select.select([terminal], [], [], 0.5)[0]:
        continue
    try:
        data = os.read(terminal, 65536)
    except OSError:  # how Linux says that the other end is closed
        break
    if not data:
        break
    text += data.decode("utf-8", "replace")
else:
    os.kill(child, 9)
_, status = os.waitpid(child, 0)
print(json.dumps({"text": text, "code": os.waitstatus_to_exitcode(status), "left": steps}))
