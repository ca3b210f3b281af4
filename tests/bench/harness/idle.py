# SPDX-License-Identifier: Apache-2.0
"""Connections that are idle: each has made one gRPC call, so that it has all the state that a used connection has, and
then says nothing."""
import contextlib
import socket
import struct

from .process import BenchError

TIMEOUT_S = 10
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS, ACK = 1, 4, 1
# HPACK, RFC 7541 section 6.2.2: literal field without indexing, with a new name.
FIELDS = ((":method", "POST"), (":scheme", "http"), (":path", "/inference.GRPCInferenceService/ServerLive"),
          (":authority", "bench"), ("content-type", "application/grpc"), ("te", "trailers"))


def frame(kind, flags, stream, payload):
    """RFC 9113 section 4.1."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    name, value = name.encode(), value.encode()
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def first_call():
    head = b"".join(literal(name, value) for name, value in FIELDS)
    return (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, b"") + frame(HEADERS, END_HEADERS, 1, head)
            + frame(DATA, END_STREAM, 1, bytes(5)))


def read_exactly(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise BenchError("the node closed a connection that should stay idle")
        data += part
    return data


def connect(address):
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), TIMEOUT_S)
    connection.sendall(first_call())
    while True:
        head = read_exactly(connection, 9)
        size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        read_exactly(connection, size)
        if kind == SETTINGS and not flags & ACK:
            connection.sendall(frame(SETTINGS, ACK, 0, b""))
        if kind == HEADERS and flags & END_STREAM:
            return connection


@contextlib.contextmanager
def hold_idle_connections(address, count):
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(connect(address))
        yield
