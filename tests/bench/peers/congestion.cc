/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC C++ has no public way to set an option on its sockets, so the program brings its own
 * `socket`: the dynamic linker takes it before the C library's, and an accepted connection has what
 * its listener had.
 */
#include "grpc_peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

static std::string chosen_algorithm;

void set_peer_congestion(const std::string &algorithm)
{
    chosen_algorithm = algorithm;
}

extern "C" __attribute__((visibility("default"))) int socket(int domain, int type,
                                                             int protocol) noexcept
{
    int fd = static_cast<int>(syscall(SYS_socket, domain, type, protocol));
    bool is_tcp = (domain == AF_INET || domain == AF_INET6) && (type & 15) == SOCK_STREAM;
    if (fd < 0 || !is_tcp || chosen_algorithm.empty())
        return fd;
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, chosen_algorithm.c_str(),
                   static_cast<socklen_t>(chosen_algorithm.size())) != 0) {
        std::perror("TCP_CONGESTION");
        std::exit(1);
    }
    return fd;
}
