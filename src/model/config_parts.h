/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_MODEL_CONFIG_PARTS_H
#define WEFT_MODEL_CONFIG_PARTS_H

/*
 * What the readers of config.pbtxt's parts share. Private to config*.c.
 */

#include "model/config.h"

/* One parse. */
struct config_reader {
    struct weft_config *config;
    struct weft_text *warnings;
    struct weft_error **error;
};

/* How a message's field is taken. */
typedef enum weft_status config_take(struct config_reader *reader, const struct weft_pbtxt *field,
                                     void *target);

enum config_field_kind {
    CONFIG_TAKEN,
    CONFIG_IGNORED, /* changes nothing here: a warning */
    CONFIG_REFUSED, /* would change what the model does */
};

struct config_field {
    const char *name; /* NULL ends the table */
    enum config_field_kind kind;
    config_take *take;
    bool repeated;
};

/* Takes each field of message as the table says; what (e.g. "input") names the message in words. */
enum weft_status config_read_message(struct config_reader *reader, const struct weft_pbtxt *message,
                                     const char *what, const struct config_field *table,
                                     void *target) WEFT_MUST_CHECK;
enum weft_status config_wrong_kind(struct config_reader *reader, const struct weft_pbtxt *field,
                                   const char *wanted) WEFT_MUST_CHECK;
/* Scalars: target is a char **, a bool *, an int64_t *. */
enum weft_status config_take_string(struct config_reader *reader, const struct weft_pbtxt *field,
                                    void *target) WEFT_MUST_CHECK;
enum weft_status config_take_bool(struct config_reader *reader, const struct weft_pbtxt *field,
                                  void *target) WEFT_MUST_CHECK;
enum weft_status config_take_int64(struct config_reader *reader, const struct weft_pbtxt *field,
                                   int64_t minimum, int64_t maximum,
                                   int64_t *ret_number) WEFT_MUST_CHECK;
/* The tensors: target is not used. */
enum weft_status config_take_input(struct config_reader *reader, const struct weft_pbtxt *field,
                                   void *target) WEFT_MUST_CHECK;
enum weft_status config_take_output(struct config_reader *reader, const struct weft_pbtxt *field,
                                    void *target) WEFT_MUST_CHECK;
/* With max_batch_size known: puts the batch's dimension before all shapes. */
enum weft_status config_add_batch(struct config_reader *reader) WEFT_MUST_CHECK;

#endif
