/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc_peer.h"

#include <getopt.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <vector>

peer_options read_peer_options(int count, char **arguments)
{
    static const struct option table[] = {
        {"address", required_argument, nullptr, 'a'},
        {"size", required_argument, nullptr, 's'},
        {"calls", required_argument, nullptr, 'c'},
        {"warmup", required_argument, nullptr, 'w'},
        {"congestion", required_argument, nullptr, 'g'},
        {nullptr, 0, nullptr, 0},
    };
    peer_options options;
    bool wrong = false;
    for (int letter; (letter = getopt_long(count, arguments, "", table, nullptr)) != -1;) {
        switch (letter) {
        case 'a':
            options.address = optarg;
            break;
        case 's':
            options.size_bytes = std::strtoull(optarg, nullptr, 10);
            break;
        case 'c':
            options.calls = std::strtoull(optarg, nullptr, 10);
            break;
        case 'w':
            options.warmup = std::strtoull(optarg, nullptr, 10);
            break;
        case 'g':
            options.congestion = optarg;
            break;
        default:
            wrong = true;
        }
    }
    if (optind < count)
        options.role = arguments[optind];
    wrong =
        wrong || (options.role != "serve" && (options.role != "call" || options.address.empty()));
    if (wrong) {
        std::fprintf(
            stderr,
            "usage: %s serve|call [--address HOST:PORT] [--size BYTES] [--calls N] [--warmup N] "
            "[--congestion NAME]\n",
            arguments[0]);
        std::exit(2);
    }
    set_peer_congestion(options.congestion);
    return options;
}

grpc::ChannelArguments peer_channel_arguments()
{
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    return arguments;
}

void set_up_peer_server(grpc::ServerBuilder &builder, int *ret_port)
{
    builder.SetMaxReceiveMessageSize(INT_MAX);
    builder.SetMaxSendMessageSize(INT_MAX);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), ret_port);
}

void serve_until_input_ends(int port)
{
    std::printf("ready 127.0.0.1:%d\n", port);
    std::fflush(stdout);
    char ignored[64];
    while (read(STDIN_FILENO, ignored, sizeof(ignored)) > 0) {
    }
}

grpc::ByteBuffer new_echo_message(size_t size_bytes)
{
    std::string message("\x0a", 1); /* field 1, length-delimited */
    for (size_t rest = size_bytes;; rest >>= 7) {
        message += static_cast<char>((rest & 127) | (rest > 127 ? 128 : 0));
        if (rest <= 127)
            break;
    }
    message.append(size_bytes, 'w');
    grpc::Slice slice(message);
    return grpc::ByteBuffer(&slice, 1);
}

void check_reply(const grpc::Status &status, const grpc::ByteBuffer &reply, size_t expected_bytes)
{
    if (status.ok() && reply.Length() == expected_bytes)
        return;
    std::fprintf(stderr, "call failed: %s (%zu bytes came back, not %zu)\n",
                 status.error_message().c_str(), reply.Length(), expected_bytes);
    std::exit(1);
}
