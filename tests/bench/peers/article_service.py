#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Peer `article-python`, a service: one of the four sub-models of the article's example, reduced to what its design
costs. It answers with what it was sent. Messages are plain bytes, so that protobuf costs it nothing."""
import sys
from concurrent import futures

import grpc


def echo(request, context):
    return request


def main():
    handler = grpc.unary_unary_rpc_method_handler(echo)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("article.SubModel", {"Run": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"ready 127.0.0.1:{port}", flush=True)
    sys.stdin.read()
    server.stop(None)


main()
