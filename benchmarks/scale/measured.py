"""Run a program in a process of its own, and write down what it took: a line of JSON.

It is run as a file and imports little: Linux counts the memory of the process that starts a program as that
program's, until it has begun.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main(argv: list[str]) -> int:
    """Run `argv[2:]`; append its measurements, with `argv[1]` as their name, to the file `argv[0]`.

    Processor seconds are user and system time of the program and all that it started and waited for; peak
    memory, in bytes, is that of the largest one of them.
    """
    file, name, *command = argv
    sys.stdout.flush()
    began = time.monotonic()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    record = {
        "name": name,
        "command": command,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "seconds": time.monotonic() - began,
        "peak_bytes": usage.ru_maxrss * 1024,
        "exit": code,
    }
    line = (json.dumps(record) + "\n").encode()
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
