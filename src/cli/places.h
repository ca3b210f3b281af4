/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_PLACES_H
#define WEFT_CLI_PLACES_H

/* Where the program finds and keeps things when nobody says. The caller frees what is returned. */

/* The program's own file, as /proc/self/exe says; NULL where that can't be read. */
char *weft_place_program(void);
/* Where plugins lie beside the program: ../lib/weft/plugins of an installed one, ../../plugins of
 * one in its build directory. NULL if there is neither. */
char *weft_place_plugins(void);
/* $XDG_STATE_HOME/weft/CLUSTER/NODE (cluster NULL = without), ~/.local/state where that is not set.
 * NULL where there is no home either. */
char *weft_place_state(const char *cluster, const char *node);
/* The directory of a cluster that `weft up --wait` has started: $XDG_RUNTIME_DIR/weft/CLUSTER, or
 * /tmp/weft-UID/CLUSTER. */
char *weft_place_running(const char *cluster);

#endif
