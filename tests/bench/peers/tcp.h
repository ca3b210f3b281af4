/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BENCH_TCP_H
#define TESTS_BENCH_TCP_H

/*
 * What the two plain TCP peers share: sockets on loopback without Nagle's algorithm, an endpoint
 * that sleeps in epoll until a whole message is there, and children pinned to a CPU. A failing call
 * ends the program with a message. Used from one thread per process.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One process's view of its connections: it waits for input on any of them. */
#define TCP_INPUTS_MAX 2

struct tcp_inputs {
    int epoll;
    int sockets[TCP_INPUTS_MAX];
    size_t filled[TCP_INPUTS_MAX]; /* bytes of the message that is coming in */
    char *messages[TCP_INPUTS_MAX];
    size_t message_bytes; /* every message of the run has this size */
    size_t count;
};

/* A listening socket on 127.0.0.1 with a port of the system's choice. congestion: the algorithm,
 * NULL = the system's. */
int tcp_listen(const char *congestion);
int tcp_connect(int listener, const char *congestion);
int tcp_accept(int listener);

void tcp_inputs_init(struct tcp_inputs *inputs, size_t message_bytes);
void tcp_inputs_add(struct tcp_inputs *inputs, int socket);
/* Waits for a whole message; returns the index of its input, or -1 when an input was closed. */
int tcp_inputs_wait(struct tcp_inputs *inputs);
/* Sends all of it, waiting for room if need be. */
void tcp_send(int socket, const char *bytes, size_t size_bytes);

/* Pins the caller to one CPU; -1 leaves it where it is. */
void tcp_pin(int cpu);
/* Forks a child that is pinned and that dies with its parent. Returns 0 in the child. */
pid_t tcp_fork(int cpu);
void tcp_die(const char *what) __attribute__((noreturn));

/* The command line of both peers. */
struct tcp_options {
    const char *congestion;
    int cpus[8]; /* as given, in the order of the way of the data; -1 = anywhere */
    size_t size_bytes, calls, warmup;
};
void tcp_options_read(struct tcp_options *options, int count, char **arguments);

#endif
