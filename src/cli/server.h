/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_SERVER_H
#define WEFT_CLI_SERVER_H

/* The node that a verb calls. */

/* --server's value if there is one, else $WEFT_SERVER, else the address that a node has by default.
 */
const char *weft_server_address(const char *said);

#endif
