# SPDX-License-Identifier: Apache-2.0
"""h2load as the load generator of gRPC calls."""
import re
import struct

from .process import BenchError, run_text

CONNECTIONS = 8
STREAMS = 32


def write_call(path, message):
    """The body of a unary call: gRPC's five bytes and the message."""
    path.write_bytes(struct.pack(">BI", 0, len(message)) + message)


def load(program, address, method, body_path, requests, cpu):
    """Makes `requests` calls and returns the requests per second. A call that failed, or came back without its payload,
    makes the measurement void."""
    output = run_text([program, f"-c{CONNECTIONS}", f"-m{STREAMS}", f"-n{requests}", "-d", body_path,
                       "-H", "content-type: application/grpc", "-H", "te: trailers",
                       f"http://{address}{method}"], cpu)
    rate = re.search(r"finished in \S+, ([\d.]+) req/s", output)
    succeeded = re.search(r"(\d+) succeeded", output)
    data = re.search(r"\((\d+)\) data", output)
    if not (rate and succeeded and data):
        raise BenchError(f"h2load said something else than expected: {output[-300:]!r}")
    if int(succeeded.group(1)) != requests:
        raise BenchError(f"only {succeeded.group(1)} of {requests} calls succeeded")
    if int(data.group(1)) < requests * body_path.stat().st_size:
        raise BenchError("the answers do not carry the payload")
    return float(rate.group(1))
