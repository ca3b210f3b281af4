/* SPDX-License-Identifier: Apache-2.0 */
#include "base/message.h"

static const char *name_of(const char *const *names, size_t count, size_t number)
{
    return number < count && names[number] != NULL ? names[number] : "unknown";
}

const char *weft_lane_name(enum weft_lane lane)
{
    static const char *const names[] = {
        [WEFT_LANE_NONE] = "", [WEFT_LANE_LOCAL] = "local", [WEFT_LANE_GRPC] = "grpc"};
    return name_of(names, sizeof(names) / sizeof(names[0]), lane);
}

const char *weft_codec_name(enum weft_codec codec)
{
    static const char *const names[] = {[WEFT_CODEC_NONE] = "", [WEFT_CODEC_IDENTITY] = "identity"};
    return name_of(names, sizeof(names) / sizeof(names[0]), codec);
}

const char *weft_message_kind_name(enum weft_message_kind kind)
{
    static const char *const names[] = {
        [WEFT_MESSAGE_HELLO] = "hello",       [WEFT_MESSAGE_PREPARE] = "prepare",
        [WEFT_MESSAGE_PREPARED] = "prepared", [WEFT_MESSAGE_RELEASE] = "release",
        [WEFT_MESSAGE_DELIVER] = "deliver",   [WEFT_MESSAGE_REPORT] = "report",
        [WEFT_MESSAGE_CANCEL] = "cancel",
    };
    return name_of(names, sizeof(names) / sizeof(names[0]), kind);
}
