/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/timeline.h"

#include <string.h>

#include "cli/table.h"
#include "cli/units.h"

enum { WIDTH_MIN = 40, NAME_WIDTH_MAX = 24 };

static void repeat(struct weft_text *text, const char *string, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        weft_text_append_string(text, string);
    }
}

static size_t place(uint64_t ns, uint64_t span_ns, size_t room)
{
    return (size_t)((double)ns * (double)room / (double)span_ns + 0.5);
}

static void write_bar(const struct weft_timeline_bar *bar, uint64_t start_ns, uint64_t span_ns,
                      size_t room, bool blocks, struct weft_text *text)
{
    size_t from = place(bar->start_ns - start_ns, span_ns, room);
    size_t to = place(bar->end_ns - start_ns, span_ns, room);
    from = from < room ? from : room - 1; /* even the shortest is seen */
    to = to > from ? to : from + 1;
    repeat(text, " ", from);
    repeat(text, blocks ? "\xE2\x96\x88" : "#", to - from);
}

static void write_scale(uint64_t span_ns, size_t indent, size_t room, bool blocks,
                        struct weft_text *text)
{
    char end[32];
    weft_duration_format(span_ns, end, sizeof(end));
    repeat(text, " ", indent);
    weft_text_append_string(text, "0 ");
    size_t used = 2 + 1 + strlen(end);
    repeat(text, blocks ? "\xE2\x94\x80" : "-", room > used ? room - used : 0);
    weft_text_printf(text, " %s\n", end);
}

void weft_timeline_write(const struct weft_timeline_bar *bars, size_t bars_count, size_t width,
                         bool blocks, struct weft_text *text)
{
    uint64_t start_ns = UINT64_MAX;
    uint64_t end_ns = 0;
    size_t names = 0;
    for (size_t i = 0; i < bars_count; i++) {
        size_t name = weft_text_width(bars[i].name);
        names = name > names ? name : names;
        if (bars[i].end_ns != 0 && bars[i].end_ns >= bars[i].start_ns) {
            start_ns = bars[i].start_ns < start_ns ? bars[i].start_ns : start_ns;
            end_ns = bars[i].end_ns > end_ns ? bars[i].end_ns : end_ns;
        }
    }
    if (end_ns == 0) {
        return;
    }
    names = names < NAME_WIDTH_MAX ? names : NAME_WIDTH_MAX;
    width = width > WIDTH_MIN ? width : WIDTH_MIN;
    uint64_t span_ns = end_ns > start_ns ? end_ns - start_ns : 1;
    size_t room = width - names - 2;
    for (size_t i = 0; i < bars_count; i++) {
        weft_text_append_padded(text, bars[i].name, names, false);
        weft_text_append_string(text, "  ");
        if (bars[i].end_ns != 0 && bars[i].end_ns >= bars[i].start_ns) {
            write_bar(&bars[i], start_ns, span_ns, room, blocks, text);
        } else {
            weft_text_append_string(text, "(did not run)");
        }
        weft_text_append_string(text, "\n");
    }
    write_scale(span_ns, names + 2, room, blocks, text);
}
