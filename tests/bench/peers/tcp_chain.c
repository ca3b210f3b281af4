/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peer `tcp-chain`: the same hops as a pipeline of four steps, and nothing but the bytes on them:
 * client -> node 1 -> 2
 * -> 3 -> 4 -> node 1 -> client. Five processes; each sleeps in epoll until it has a whole message,
 * then passes it on over a connection that stays open. --cpus CLIENT,NODE1,NODE2,NODE3,NODE4 pins
 * them.
 */
#include "samples.h"
#include "tcp.h"

#include <unistd.h>

#define NODES 4

/* Listening sockets exist before the processes do, so that everyone can connect without waiting for
 * anyone. Node 1 has two: its door, where the client calls, and one for the answer that comes back
 * from node 4. */
struct chain {
    int listeners[NODES];
    int answers;
    const struct tcp_options *options;
};

static int run_first_node(const struct chain *chain)
{
    struct tcp_inputs inputs;
    tcp_inputs_init(&inputs, chain->options->size_bytes);
    int next = tcp_connect(chain->listeners[1], chain->options->congestion);
    int client = tcp_accept(chain->listeners[0]);
    tcp_inputs_add(&inputs, client);
    tcp_inputs_add(&inputs, tcp_accept(chain->answers));
    for (int from; (from = tcp_inputs_wait(&inputs)) >= 0;)
        tcp_send(from == 0 ? next : client, inputs.messages[from], inputs.message_bytes);
    return 0;
}

static int run_node(const struct chain *chain, size_t index)
{
    struct tcp_inputs inputs;
    tcp_inputs_init(&inputs, chain->options->size_bytes);
    int next_listener = index + 1 < NODES ? chain->listeners[index + 1] : chain->answers;
    int next = tcp_connect(next_listener, chain->options->congestion);
    tcp_inputs_add(&inputs, tcp_accept(chain->listeners[index]));
    while (tcp_inputs_wait(&inputs) >= 0)
        tcp_send(next, inputs.messages[0], inputs.message_bytes);
    return 0;
}

static void call(struct tcp_inputs *inputs, struct samples *samples)
{
    uint64_t started_ns = samples_now_ns();
    tcp_send(inputs->sockets[0], inputs->messages[0], inputs->message_bytes);
    if (tcp_inputs_wait(inputs) < 0)
        tcp_die("node 1 is gone");
    if (samples != NULL)
        samples_add(samples, started_ns, samples_now_ns());
}

int main(int count, char **arguments)
{
    struct tcp_options options = {.size_bytes = 10240, .calls = 10000, .warmup = 1000};
    tcp_options_read(&options, count, arguments);
    struct chain chain = {.options = &options, .answers = tcp_listen(options.congestion)};
    for (size_t i = 0; i < NODES; i++)
        chain.listeners[i] = tcp_listen(options.congestion);
    for (size_t i = 0; i < NODES; i++) {
        if (tcp_fork(options.cpus[i + 1]) == 0)
            return i == 0 ? run_first_node(&chain) : run_node(&chain, i);
    }
    tcp_pin(options.cpus[0]);

    struct tcp_inputs inputs;
    struct samples samples;
    tcp_inputs_init(&inputs, options.size_bytes);
    tcp_inputs_add(&inputs, tcp_connect(chain.listeners[0], options.congestion));
    samples_init(&samples, options.calls);
    for (size_t i = 0; i < options.warmup; i++)
        call(&inputs, NULL);
    for (size_t i = 0; i < options.calls; i++)
        call(&inputs, &samples);
    samples_print(&samples);
    samples_fini(&samples);
    return 0;
}
