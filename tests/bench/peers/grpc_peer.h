/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BENCH_GRPC_PEER_H
#define TESTS_BENCH_GRPC_PEER_H

/*
 * What the gRPC C++ peers share: their command line, the settings that made them fastest, a
 * server's life and the raw bytes that they send. They pass messages as ByteBuffers, so that
 * neither side pays for a protobuf object.
 */

#include "samples.h"

#include <grpcpp/grpcpp.h>

#include <string>

struct peer_options {
    std::string role;       /* serve or call */
    std::string address;    /* call: HOST:PORT */
    std::string congestion; /* "" = the system's */
    size_t size_bytes = 64;
    size_t calls = 10000;
    size_t warmup = 1000;
};

/* PROGRAM serve|call [--address HOST:PORT] [--size BYTES] [--calls N] [--warmup N] [--congestion
 * NAME] */
peer_options read_peer_options(int count, char **arguments);

grpc::ChannelArguments peer_channel_arguments();
/* Listens on 127.0.0.1 with a port of the system's choice, and the same settings. */
void set_up_peer_server(grpc::ServerBuilder &builder, int *ret_port);
/* Says "ready HOST:PORT" on standard output and returns when standard input ends. */
void serve_until_input_ends(int port);

/* An EchoMessage as bytes: the payload has size_bytes. */
grpc::ByteBuffer new_echo_message(size_t size_bytes);
/* Ends the program unless the call went well and the reply has the size that was expected. */
void check_reply(const grpc::Status &status, const grpc::ByteBuffer &reply, size_t expected_bytes);

/* Sockets that this process makes from now on use this congestion control; see congestion.cc. */
void set_peer_congestion(const std::string &algorithm);

#endif
