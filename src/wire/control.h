/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_CONTROL_H
#define WEFT_WIRE_CONTROL_H

/*
 * The run protocol's envelopes (base/message.h) as bytes: proto/weft/v1/node.proto. A value's bytes
 * are neither copied when writing (unless they are few) nor when reading: a received value is a
 * part of the message's buffer and keeps the whole of it alive. Any thread.
 *
 * A value of some size starts at a multiple of 64 bytes from the start of its message, so it is
 * aligned where the message was received into a buffer of its own; where it came as a part of a
 * shared read buffer it may stand anywhere, and whoever needs alignment (a model) copies it.
 */

#include "base/message.h"
#include "wire/slices.h"

/* Appends the envelope to slices; on failure slices is as before. INVALID_ARGUMENT for a message
 * that breaks the protocol's limits. */
enum weft_status weft_envelope_encode(const struct weft_envelope *envelope,
                                      struct weft_slices *slices,
                                      struct weft_error **error) WEFT_MUST_CHECK;
/* Reads an envelope; *ret_envelope then owns its message (weft_message_free), NULL in one that only
 * acknowledges. INVALID_ARGUMENT for bytes that are none, for missing names and for what exceeds
 * the limits of base/message.h. Unknown fields are ignored; an unknown kind of message is
 * UNIMPLEMENTED. */
enum weft_status weft_envelope_decode(const struct weft_slice *message,
                                      struct weft_envelope *ret_envelope,
                                      struct weft_error **error) WEFT_MUST_CHECK;

/* Its numbers alone, where weft_envelope_decode refused what it holds: the session goes on behind
 * it. INVALID_ARGUMENT where even they cannot be read. */
enum weft_status weft_envelope_decode_numbers(const struct weft_slice *message,
                                              struct weft_envelope *ret_envelope,
                                              struct weft_error **error) WEFT_MUST_CHECK;

#endif
