/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peer `tcp-pingpong`: the least that two processes on one machine can do. One message there and
 * the same back, over one TCP connection without Nagle's algorithm, both ends sleeping in epoll.
 * --cpus CLIENT,SERVER pins them.
 */
#include "samples.h"
#include "tcp.h"

#include <unistd.h>

static int serve(int listener, size_t size_bytes)
{
    int connection = tcp_accept(listener);
    struct tcp_inputs inputs;
    tcp_inputs_init(&inputs, size_bytes);
    tcp_inputs_add(&inputs, connection);
    while (tcp_inputs_wait(&inputs) >= 0)
        tcp_send(connection, inputs.messages[0], size_bytes);
    return 0;
}

static void call(struct tcp_inputs *inputs, struct samples *samples)
{
    uint64_t started_ns = samples_now_ns();
    tcp_send(inputs->sockets[0], inputs->messages[0], inputs->message_bytes);
    if (tcp_inputs_wait(inputs) < 0)
        tcp_die("the server is gone");
    if (samples != NULL)
        samples_add(samples, started_ns, samples_now_ns());
}

int main(int count, char **arguments)
{
    struct tcp_options options = {.size_bytes = 64, .calls = 20000, .warmup = 2000};
    tcp_options_read(&options, count, arguments);
    int listener = tcp_listen(options.congestion);
    if (tcp_fork(options.cpus[1]) == 0)
        return serve(listener, options.size_bytes);
    tcp_pin(options.cpus[0]);

    struct tcp_inputs inputs;
    struct samples samples;
    tcp_inputs_init(&inputs, options.size_bytes);
    tcp_inputs_add(&inputs, tcp_connect(listener, options.congestion));
    samples_init(&samples, options.calls);
    for (size_t i = 0; i < options.warmup; i++)
        call(&inputs, NULL);
    for (size_t i = 0; i < options.calls; i++)
        call(&inputs, &samples);
    samples_print(&samples);
    samples_fini(&samples);
    return 0;
}
