"""Asks a real libpq how it reads connection strings.

Usage: python3 libpq-oracle.py path-or-name-of-libpq < cases > answers

One JSON object a line. A case is {"text": string, "env": {name: value}, "readsFile": boolean}; an answer is
{"version", "valid", "message", "host", "port", "user", "dbname", "password", "options": {keyword: value}}.

PQconnectStart validates a string and then starts to connect. To let it do the first without the second, the process
gives up its right to open file descriptors before the first case: name resolution and socket() then fail at once,
libpq goes on to the next host of its list (so every port is looked at), and nothing can leave this machine.
A case that reads a service or password file gets one descriptor; it must name its hosts by loopback addresses.
"""

import ctypes
import json
import os
import re
import resource
import sys


class Option(ctypes.Structure):
    """PQconninfoOption of libpq-fe.h."""

    _fields_ = [
        ("keyword", ctypes.c_char_p),
        ("envvar", ctypes.c_char_p),
        ("compiled", ctypes.c_char_p),
        ("val", ctypes.c_char_p),
        ("label", ctypes.c_char_p),
        ("dispchar", ctypes.c_char_p),
        ("dispsize", ctypes.c_int),
    ]


# What libpq says when it could not connect. All else that it says is about the string.
NOT_ABOUT_THE_STRING = re.compile(
    r"^(connection to server .* failed|could not (translate host name|parse network address|create socket|connect)"
    r"|could not translate Unix-domain socket path|Unix-domain socket path .* is too long"
    r"|\tIs the server running)"
)


def load(name):
    libpq = ctypes.CDLL(name)
    libpq.PQconnectStart.restype = ctypes.c_void_p
    libpq.PQconnectStart.argtypes = [ctypes.c_char_p]
    libpq.PQconninfo.restype = ctypes.POINTER(Option)
    libpq.PQconninfo.argtypes = [ctypes.c_void_p]
    libpq.PQconninfoFree.argtypes = [ctypes.c_void_p]
    libpq.PQfinish.argtypes = [ctypes.c_void_p]
    for function in (libpq.PQhost, libpq.PQport, libpq.PQuser, libpq.PQdb, libpq.PQpass, libpq.PQerrorMessage):
        function.restype = ctypes.c_char_p
        function.argtypes = [ctypes.c_void_p]
    return libpq


def text_of(value):
    return None if value is None else value.decode("utf-8", "replace")


def options_of(libpq, connection):
    found = {}
    options = libpq.PQconninfo(connection)
    index = 0
    while options and options[index].keyword is not None:
        if options[index].val is not None:
            found[options[index].keyword.decode()] = text_of(options[index].val)
        index += 1
    libpq.PQconninfoFree(options)
    return found


def ask(libpq, case):
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    # Looking up the operating system's user needs a file descriptor, so the environment names one.
    os.environ.update({"PGUSER": "osuser", **(case.get("env") or {})})
    limit = 4 if case.get("readsFile") else 3
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, 4))
    connection = libpq.PQconnectStart(case["text"].encode())
    message = text_of(libpq.PQerrorMessage(connection)) or ""
    complaints = [line for line in message.splitlines() if line and not NOT_ABOUT_THE_STRING.match(line)]
    answer = {
        "version": libpq.PQlibVersion(),
        "valid": not complaints,
        "message": message,
        "host": text_of(libpq.PQhost(connection)),
        "port": text_of(libpq.PQport(connection)),
        "user": text_of(libpq.PQuser(connection)),
        "dbname": text_of(libpq.PQdb(connection)),
        "password": text_of(libpq.PQpass(connection)),
        "options": options_of(libpq, connection),
    }
    libpq.PQfinish(connection)
    return answer


def main():
    libpq = load(sys.argv[1])
    cases = [json.loads(line) for line in sys.stdin]
    for case in cases:
        print(json.dumps(ask(libpq, case)))


main()
