"""Runs a command at a terminal, and answers its questions.

usage: at_terminal.py ANSWER... -- COMMAND ARGUMENT...

A question is what ends with a colon and a space while the command waits. Prints all that the terminal showed; ends with the
command's exit code, or with 99 where a question has no answer left.
"""

import os
import pty
import sys

at = sys.argv.index("--")
answers, command = sys.argv[1:at], sys.argv[at + 1 :]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown, asked_too_much = b"", False
while True:
    try:
        some = os.read(terminal, 65536)
    except OSError:
        # The other end is closed.
        break
    if not some:
        break
    shown += some
    if shown.endswith(b": "):
        if not answers:
            asked_too_much = True
            os.write(terminal, b"\x04")
            continue
        os.write(terminal, answers.pop(0).encode() + b"\n")
sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.exit(99 if asked_too_much else status)
