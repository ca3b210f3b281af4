/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/same_host.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
    /* What a Unix socket holds before its reader must run. The system's usual 208 KiB make sender
       and reader of a large message take turns: 1 MiB over four nodes took twice as long as over
       TCP, with this as long. */
    SEND_BUFFER_BYTES = 4 * 1024 * 1024,
    /* Below this TCP is faster; net.core.wmem_max limits whoever may not administer the network. */
    SEND_BUFFER_MIN_BYTES = 1024 * 1024,
    /* What /proc/sys/kernel/overflowuid says where nobody has changed it. */
    OVERFLOW_USER = 65534,
};

/* The kernel gives this number for every user that has none in our user namespace
 * (user_namespaces(7)); a process that runs under it itself could not tell anybody apart. */
static bool is_nobody_in_particular(uid_t user)
{
    return user == OVERFLOW_USER || user == (uid_t)-1;
}

/* An abstract name begins with a null byte and has no terminator. False where the address is too
 * long for one, which none is today. */
static bool name_of(const struct weft_address *door, struct sockaddr_un *ret_name,
                    socklen_t *ret_length)
{
    char text[WEFT_ADDRESS_TEXT_MAX];
    weft_address_format(door, text);
    *ret_name = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length = snprintf(ret_name->sun_path + 1, sizeof(ret_name->sun_path) - 1, "weft/%s", text);
    if (length < 0 || (size_t)length >= sizeof(ret_name->sun_path) - 1) {
        return false;
    }
    *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    return true;
}

static bool widen(int socket)
{
    int bytes = SEND_BUFFER_BYTES;
    socklen_t length = sizeof(bytes);
    if (setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, length) != 0) {
        (void)setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, length);
    }
    return getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, &length) == 0 &&
           bytes >= SEND_BUFFER_MIN_BYTES;
}

static int open_socket(void)
{
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !widen(fd)) {
        return -1;
    }
    int opened = fd;
    fd = -1;
    return opened;
}

int weft_same_host_listen(const struct weft_address *door, int backlog)
{
    struct sockaddr_un name;
    socklen_t length = 0;
    cleanup_close int fd = is_nobody_in_particular(geteuid()) ? -1 : open_socket();
    if (fd < 0 || !name_of(door, &name, &length) ||
        bind(fd, (const struct sockaddr *)&name, length) != 0 || listen(fd, backlog) != 0) {
        return -1;
    }
    int listening = fd;
    fd = -1;
    return listening;
}

static bool is_ours(int socket)
{
    struct ucred other = {0};
    socklen_t length = sizeof(other);
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &other, &length) == 0 &&
           other.uid == geteuid() && !is_nobody_in_particular(other.uid);
}

bool weft_same_host_welcome(int socket)
{
    (void)widen(socket); /* granted, for the listening one was; an accepted one inherits nothing */
    return is_ours(socket);
}

int weft_same_host_connect(const struct weft_address *door)
{
    struct sockaddr_un name;
    socklen_t length = 0;
    cleanup_close int fd = open_socket();
    if (fd < 0 || !name_of(door, &name, &length)) {
        return -1;
    }
    int failed = 0;
    do {
        failed = connect(fd, (const struct sockaddr *)&name, length);
    } while (failed != 0 && errno == EINTR);
    if (failed != 0 || !is_ours(fd)) {
        return -1;
    }
    int connected = fd;
    fd = -1;
    return connected;
}
