/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plugins/onnxruntime/ort_api.h says of ONNX Runtime's interface, held against its own header:
 * each enumerator's value, and each function's slot and signature. Nothing runs; that this compiles
 * is the test. It is built where the system has the header.
 */
#include "ort_api.h"

_Static_assert(ORT_API_VERSION >= WEFT_ORT_API_VERSION, "the header is too old to say");

#define SAME_TYPE(one, other)                                                                      \
    _Static_assert(__builtin_types_compatible_p(one, other), #one " is not " #other)
#define SAME_VALUE(name, number) _Static_assert((name) == (number), #name " is not " #number);
#define SAME_OTHER(slot, result, name, ...)                                                        \
    _Static_assert(offsetof(OrtApi, name) == (slot) * sizeof(void (*)(void)),                      \
                   #name " is not in slot " #slot);                                                \
    SAME_TYPE(__typeof__(((OrtApi *)NULL)->name), result (*)(__VA_ARGS__));
#define SAME_CALL(slot, name, ...) SAME_OTHER(slot, OrtStatus *, name, __VA_ARGS__)

WEFT_ORT_ELEMENT_TYPES(SAME_VALUE)
WEFT_ORT_ERROR_CODES(SAME_VALUE)
WEFT_ORT_LOGGING_LEVELS(SAME_VALUE)
WEFT_ORT_OPTIMIZATION_LEVELS(SAME_VALUE)
WEFT_ORT_EXECUTION_MODES(SAME_VALUE)
WEFT_ORT_ALLOCATOR_TYPES(SAME_VALUE)
WEFT_ORT_MEMORY_TYPES(SAME_VALUE)
WEFT_ORT_FUNCTIONS(SAME_CALL, SAME_OTHER)

SAME_TYPE(OrtLoggingFunction, void (*)(void *, OrtLoggingLevel, const char *, const char *,
                                       const char *, const char *));
SAME_TYPE(__typeof__(((OrtApiBase *)NULL)->GetApi), const OrtApi *(*)(uint32_t));
SAME_TYPE(__typeof__(((OrtApiBase *)NULL)->GetVersionString), const char *(*)(void));
_Static_assert(offsetof(OrtApiBase, GetApi) == 0, "GetApi is not the first");
_Static_assert(offsetof(OrtApiBase, GetVersionString) == sizeof(void (*)(void)),
               "GetVersionString is not the second");
