/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SYS_SAME_HOST_H
#define WEFT_SYS_SAME_HOST_H

/*
 * The short way between two processes of one host (ADR 10): beside its TCP door a process listens
 * on an abstract Unix socket (unix(7)) that is named by the door's address, and whoever connects to
 * that address tries this socket first. Abstract names belong to a network namespace just as
 * addresses do, so the same address there is the same door. Both ends ask the kernel for the
 * other's user and speak only with their own, so nobody else can sit down at a door's name. Where
 * the system grants such a socket too small a buffer for large messages, there is none, and TCP
 * does. Not for other rooms; any thread.
 */

#include <stdbool.h>

#include "sys/address.h"

/* A listening socket beside the door at this address (as bound, with its port), or -1. */
int weft_same_host_listen(const struct weft_address *door, int backlog);
/* Whether an accepted socket may be spoken with: the process at its other end is our user's. */
bool weft_same_host_welcome(int socket);
/* A connected socket to the process whose door this is, or -1: it is elsewhere, of another user, or
 * does not listen so. Never waits. */
int weft_same_host_connect(const struct weft_address *door);

#endif
