/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

void tcp_die(const char *what)
{
    perror(what);
    exit(1);
}

static int new_socket(const char *congestion)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        tcp_die("socket");
    if (congestion != NULL &&
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, (socklen_t)strlen(congestion)) != 0)
        tcp_die(congestion);
    return fd;
}

static void set_no_delay(int fd)
{
    int one = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
        tcp_die("TCP_NODELAY");
}

int tcp_listen(const char *congestion)
{
    int fd = new_socket(congestion);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 8) != 0)
        tcp_die("listen");
    return fd;
}

int tcp_connect(int listener, const char *congestion)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    if (getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        tcp_die("getsockname");
    int fd = new_socket(congestion);
    if (connect(fd, (struct sockaddr *)&address, size) != 0)
        tcp_die("connect");
    set_no_delay(fd);
    return fd;
}

int tcp_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        tcp_die("accept");
    set_no_delay(fd);
    return fd;
}

void tcp_inputs_init(struct tcp_inputs *inputs, size_t message_bytes)
{
    *inputs =
        (struct tcp_inputs){.message_bytes = message_bytes, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    if (inputs->epoll < 0)
        tcp_die("epoll");
}

void tcp_inputs_add(struct tcp_inputs *inputs, int socket)
{
    size_t i = inputs->count++;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = i};
    if (i == TCP_INPUTS_MAX || epoll_ctl(inputs->epoll, EPOLL_CTL_ADD, socket, &event) != 0)
        tcp_die("epoll_ctl");
    inputs->sockets[i] = socket;
    inputs->messages[i] = calloc(1, inputs->message_bytes);
    if (inputs->messages[i] == NULL)
        tcp_die("memory");
}

int tcp_inputs_wait(struct tcp_inputs *inputs)
{
    for (;;) {
        struct epoll_event event;
        int ready = epoll_wait(inputs->epoll, &event, 1, -1);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready != 1)
            tcp_die("epoll_wait");
        size_t i = (size_t)event.data.u64;
        ssize_t got = read(inputs->sockets[i], inputs->messages[i] + inputs->filled[i],
                           inputs->message_bytes - inputs->filled[i]);
        if (got <= 0)
            return -1;
        inputs->filled[i] += (size_t)got;
        if (inputs->filled[i] == inputs->message_bytes) {
            inputs->filled[i] = 0;
            return (int)i;
        }
    }
}

void tcp_send(int socket, const char *bytes, size_t size_bytes)
{
    while (size_bytes > 0) {
        ssize_t sent = send(socket, bytes, size_bytes, MSG_NOSIGNAL);
        if (sent < 0)
            tcp_die("send");
        bytes += sent;
        size_bytes -= (size_t)sent;
    }
}

void tcp_pin(int cpu)
{
    if (cpu < 0)
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        tcp_die("sched_setaffinity");
}

pid_t tcp_fork(int cpu)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        tcp_die("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            exit(1);
        tcp_pin(cpu);
    }
    return pid;
}

static void read_cpus(struct tcp_options *options, const char *list)
{
    size_t limit = sizeof(options->cpus) / sizeof(options->cpus[0]);
    char *end = NULL;
    for (size_t i = 0; i < limit; i++, list = end + 1) {
        options->cpus[i] = (int)strtol(list, &end, 10);
        if (*end != ',')
            break;
    }
}

void tcp_options_read(struct tcp_options *options, int count, char **arguments)
{
    static const struct option table[] = {
        {"cpus", required_argument, NULL, 'p'},       {"size", required_argument, NULL, 's'},
        {"calls", required_argument, NULL, 'c'},      {"warmup", required_argument, NULL, 'w'},
        {"congestion", required_argument, NULL, 'g'}, {NULL, 0, NULL, 0},
    };
    for (size_t i = 0; i < sizeof(options->cpus) / sizeof(options->cpus[0]); i++)
        options->cpus[i] = -1;
    for (int letter; (letter = getopt_long(count, arguments, "", table, NULL)) != -1;) {
        switch (letter) {
        case 'p':
            read_cpus(options, optarg);
            break;
        case 's':
            options->size_bytes = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            options->calls = strtoull(optarg, NULL, 10);
            break;
        case 'w':
            options->warmup = strtoull(optarg, NULL, 10);
            break;
        case 'g':
            options->congestion = optarg;
            break;
        default:
            fprintf(stderr,
                    "usage: %s [--cpus N,N...] [--size BYTES] [--calls N] [--warmup N] "
                    "[--congestion NAME]\n",
                    arguments[0]);
            exit(2);
        }
    }
}
