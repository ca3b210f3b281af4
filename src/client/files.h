/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLIENT_FILES_H
#define WEFT_CLIENT_FILES_H

/* Whole files, which is what a client's tensors come from and go to: those of sys, for programs
 * that stand on client. */

#include "sys/file.h"

#endif
