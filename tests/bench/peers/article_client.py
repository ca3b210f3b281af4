#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Peer `article-python`, the client: it calls the services in turn and hands each one's answer to the next, as the
article's example does. Usage: article_client.py SIZE CALLS WARMUP ADDRESS..."""
import json
import sys
import time

import grpc


def main():
    size, calls, warmup = (int(word) for word in sys.argv[1:4])
    steps = [grpc.insecure_channel(address).unary_unary("/article.SubModel/Run") for address in sys.argv[4:]]
    payload = b"w" * size
    durations = []
    for i in range(warmup + calls):
        started = time.monotonic_ns()
        value = payload
        for step in steps:
            value = step(value)
        ended = time.monotonic_ns()
        if value != payload:
            sys.exit("another answer came back")
        if i >= warmup:
            durations.append(ended - started)
    total = sum(durations)
    durations.sort()
    print(json.dumps({"calls": calls, "p50_ns": durations[calls // 2], "p99_ns": durations[calls * 99 // 100],
                      "elapsed_ns": total}))


main()
