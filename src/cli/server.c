/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/server.h"

#include <stdlib.h>

const char *weft_server_address(const char *said)
{
    const char *environment = getenv("WEFT_SERVER");
    if (said != NULL) {
        return said;
    }
    return environment != NULL && *environment != '\0' ? environment : "127.0.0.1:8000";
}
