/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static bool parse_port(const char *text, uint16_t *ret_port)
{
    uint32_t port = 0;
    size_t digits = 0;
    for (; text[digits] >= '0' && text[digits] <= '9' && digits < 6; digits++) {
        port = port * 10 + (uint32_t)(text[digits] - '0');
    }
    if (digits == 0 || text[digits] != '\0' || port > UINT16_MAX) {
        return false;
    }
    *ret_port = (uint16_t)port;
    return true;
}

/* Letters, digits and what else names and addresses are made of; keeps spaces and slashes out of
 * the resolver. */
static bool is_host(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.' || c == '_' || c == ':' || c == '%';
        if (!fine) {
            return false;
        }
    }
    return length > 0;
}

enum weft_status weft_address_split(const char *text, char ret_host[WEFT_ADDRESS_TEXT_MAX],
                                    uint16_t *ret_port, struct weft_error **error)
{
    const char *host = text;
    const char *colon = strrchr(text, ':');
    size_t length = colon != NULL ? (size_t)(colon - text) : 0;
    bool fine = colon != NULL && length < WEFT_ADDRESS_TEXT_MAX;
    if (fine && host[0] == '[') {
        fine = length >= 2 && host[length - 1] == ']';
        host++;
        length -= 2;
    } else if (fine) {
        fine = memchr(host, ':', length) == NULL;
    }
    uint16_t port = 0;
    if (!fine || !is_host(host, length) || !parse_port(colon + 1, &port)) {
        weft_error_set(error, WEFT_INVALID_ARGUMENT, "\"%.100s\" is not an address", text);
        weft_error_set_hint(error,
                            "write host:port, as in 127.0.0.1:8000, [::1]:8000 or node-a:8000");
        return WEFT_INVALID_ARGUMENT;
    }
    memcpy(ret_host, host, length);
    ret_host[length] = '\0';
    *ret_port = port;
    return WEFT_OK;
}

enum weft_status weft_address_parse(const char *text, struct weft_address *ret_address,
                                    struct weft_error **error)
{
    char host[WEFT_ADDRESS_TEXT_MAX];
    uint16_t port = 0;
    enum weft_status status = weft_address_split(text, host, &port, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_address address = {0};
    struct sockaddr_in *four = (struct sockaddr_in *)&address.socket_address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address.socket_address;
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        address.length = sizeof(*four);
    } else if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        address.length = sizeof(*six);
    } else {
        return weft_error_set(error, WEFT_NOT_FOUND, "\"%s\" is not a numeric address", host);
    }
    *ret_address = address;
    return WEFT_OK;
}

void weft_address_format(const struct weft_address *address, char ret_text[WEFT_ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in *four = (const struct sockaddr_in *)&address->socket_address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address->socket_address;
    switch (address->socket_address.ss_family) {
    case AF_INET:
        inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
        snprintf(ret_text, WEFT_ADDRESS_TEXT_MAX, "%s:%u", host, ntohs(four->sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
        snprintf(ret_text, WEFT_ADDRESS_TEXT_MAX, "[%s]:%u", host, ntohs(six->sin6_port));
        break;
    default:
        snprintf(ret_text, WEFT_ADDRESS_TEXT_MAX, "local");
    }
}

bool weft_address_is_loopback(const struct weft_address *address)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)&address->socket_address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address->socket_address;
    switch (address->socket_address.ss_family) {
    case AF_INET:
        return (ntohl(four->sin_addr.s_addr) >> 24) == 127;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) && six->sin6_addr.s6_addr[12] == 127);
    case AF_UNIX:
        return true;
    default:
        return false;
    }
}

bool weft_address_text_is_loopback(const char *text)
{
    char host[WEFT_ADDRESS_TEXT_MAX];
    uint16_t port = 0;
    struct weft_address address;
    if (weft_address_split(text, host, &port, NULL) != WEFT_OK) {
        return false;
    }
    if (strcmp(host, "localhost") == 0) {
        return true;
    }
    return weft_address_parse(text, &address, NULL) == WEFT_OK &&
           weft_address_is_loopback(&address);
}
