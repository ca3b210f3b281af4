/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SYS_ADDRESS_H
#define WEFT_SYS_ADDRESS_H

/*
 * Addresses of doors and peers: "127.0.0.11:8000", "[::1]:8000", "localhost:8000". Plain data;
 * numeric ones are parsed at once on any thread, names are looked up by sys/resolve.h without
 * blocking the loop.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <weft/error.h>

/* "[" + 45 (INET6_ADDRSTRLEN) + "%" + scope + "]:65535" and a terminator; also the longest DNS name
 * (253) with a port. */
enum { WEFT_ADDRESS_TEXT_MAX = 272 };

struct weft_address {
    struct sockaddr_storage socket_address;
    socklen_t length;
};

/* Splits "host:port" (brackets around IPv6 taken off) into host and port. INVALID_ARGUMENT for
 * anything else. */
enum weft_status weft_address_split(const char *text, char ret_host[WEFT_ADDRESS_TEXT_MAX],
                                    uint16_t *ret_port, struct weft_error **error) WEFT_MUST_CHECK;
/* Numeric "host:port" only. NOT_FOUND where the host is a well-formed name and would have to be
 * looked up. */
enum weft_status weft_address_parse(const char *text, struct weft_address *ret_address,
                                    struct weft_error **error) WEFT_MUST_CHECK;
/* "127.0.0.1:80" or "[::1]:80". */
void weft_address_format(const struct weft_address *address, char ret_text[WEFT_ADDRESS_TEXT_MAX]);
/* 127.0.0.0/8, ::1, and v4-mapped loopback. */
bool weft_address_is_loopback(const struct weft_address *address);
/* The same for text: numeric loopback, or "localhost". What would need a look-up is not loopback.
 */
bool weft_address_text_is_loopback(const char *text);

#endif
