# SPDX-License-Identifier: Apache-2.0
"""Frames of HTTP/2 by hand, for clients that no library would be: RFC 9113 and, for heads, RFC 7541."""
import socket
import struct

END_STREAM, END_HEADERS = 1, 4


def connect(node):
    host, port = node.address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), 20)


def frame(kind, flags, stream, payload):
    """RFC 9113 section 4.1."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def data(stream, payload, end_stream=False):
    return frame(0, END_STREAM if end_stream else 0, stream, payload)


def headers(stream, block, end_stream=False, end_headers=True):
    return frame(1, (END_STREAM if end_stream else 0) | (END_HEADERS if end_headers else 0), stream, block)


def continuation(stream, block, end_headers=False):
    return frame(9, END_HEADERS if end_headers else 0, stream, block)


def rst(stream, code=8):
    return frame(3, 0, stream, struct.pack(">I", code))


def settings(*pairs):
    return frame(4, 0, 0, b"".join(struct.pack(">HI", key, value) for key, value in pairs))


def literal(name, value):
    """A field that is not indexed, RFC 7541 section 6.2.2, of at most 126 bytes each."""
    name, value = (text if isinstance(text, bytes) else text.encode() for text in (name, value))
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def head_block(*words):
    """name, value, name, value, ..."""
    return b"".join(literal(name, value) for name, value in zip(words[::2], words[1::2]))


# What a client begins with.
CLIENT = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings()
