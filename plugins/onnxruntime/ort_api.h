/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_ONNXRUNTIME_ORT_API_H
#define WEFT_ONNXRUNTIME_ORT_API_H

/*
 * What this plugin uses of ONNX Runtime's C interface: the system's header where the build knows
 * one, else the same names declared here, so that a build needs the library alone (docs/adr/0009).
 *
 * The interface is one table of functions, to which versions append and in which nothing moves. So
 * a function is its slot in the table and its signature, which are written down here once, as the
 * values of the enumerators are. tests/integration/onnxruntime/ort_api.c holds all of it against a
 * real header.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/model.h>

#ifdef WEFT_ORT_HEADER
#include <onnxruntime_c_api.h>
#endif

/* The version of the table that a library is asked for: the oldest that we take, which has all
 * slots below (as 17 has). It is the same with a newer header, so that what was built with one runs
 * with an older library. */
#define WEFT_ORT_API_VERSION 18

/* The formatter knows no lists in macros. */
/* clang-format off */

/* value(name, number) for each enumerator that we use. */
#define WEFT_ORT_ELEMENT_TYPES(value)                                                              \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, 0)                                              \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, 1)                                                  \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, 2)                                                  \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, 3)                                                   \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, 4)                                                 \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, 5)                                                  \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, 6)                                                  \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, 7)                                                  \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, 8)                                                 \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, 9)                                                   \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, 10)                                               \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, 11)                                                \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, 12)                                                \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64, 13)                                                \
    value(ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, 16)
#define WEFT_ORT_ERROR_CODES(value)                                                                \
    value(ORT_INVALID_ARGUMENT, 2)                                                                 \
    value(ORT_NO_SUCHFILE, 3)                                                                      \
    value(ORT_NO_MODEL, 4)                                                                         \
    value(ORT_INVALID_PROTOBUF, 7)                                                                 \
    value(ORT_NOT_IMPLEMENTED, 9)                                                                  \
    value(ORT_INVALID_GRAPH, 10)
#define WEFT_ORT_LOGGING_LEVELS(value)                                                             \
    value(ORT_LOGGING_LEVEL_VERBOSE, 0)                                                            \
    value(ORT_LOGGING_LEVEL_INFO, 1)                                                               \
    value(ORT_LOGGING_LEVEL_WARNING, 2)                                                            \
    value(ORT_LOGGING_LEVEL_ERROR, 3)                                                              \
    value(ORT_LOGGING_LEVEL_FATAL, 4)
#define WEFT_ORT_OPTIMIZATION_LEVELS(value)                                                        \
    value(ORT_DISABLE_ALL, 0)                                                                      \
    value(ORT_ENABLE_BASIC, 1)                                                                     \
    value(ORT_ENABLE_EXTENDED, 2)                                                                  \
    value(ORT_ENABLE_ALL, 99)
#define WEFT_ORT_EXECUTION_MODES(value)                                                            \
    value(ORT_SEQUENTIAL, 0)
#define WEFT_ORT_ALLOCATOR_TYPES(value)                                                            \
    value(OrtDeviceAllocator, 0)                                                                   \
    value(OrtArenaAllocator, 1)
#define WEFT_ORT_MEMORY_TYPES(value)                                                               \
    value(OrtMemTypeDefault, 0)

/* call(slot, name, parameters…) for each function that returns a status, which is NULL where it
 * worked and else the caller's; other(slot, result, name, parameters…) for the rest. */
#define WEFT_ORT_FUNCTIONS(call, other)                                                            \
    other(1, OrtErrorCode, GetErrorCode, const OrtStatus *status)                                  \
    other(2, const char *, GetErrorMessage, const OrtStatus *status)                               \
    call(4, CreateEnvWithCustomLogger, OrtLoggingFunction log, void *parameter,                    \
         OrtLoggingLevel least, const char *id, OrtEnv **ret_env)                                  \
    call(6, DisableTelemetryEvents, const OrtEnv *env)                                             \
    call(7, CreateSession, const OrtEnv *env, const char *path,                                    \
         const OrtSessionOptions *options, OrtSession **ret_session)                               \
    call(9, Run, OrtSession *session, const OrtRunOptions *options,                                \
         const char *const *input_names, const OrtValue *const *inputs, size_t inputs_count,       \
         const char *const *output_names, size_t outputs_count, OrtValue **outputs)                \
    call(10, CreateSessionOptions, OrtSessionOptions **ret_options)                                \
    call(13, SetSessionExecutionMode, OrtSessionOptions *options, ExecutionMode mode)              \
    call(22, SetSessionLogSeverityLevel, OrtSessionOptions *options, int least)                    \
    call(23, SetSessionGraphOptimizationLevel, OrtSessionOptions *options,                         \
         GraphOptimizationLevel level)                                                             \
    call(24, SetIntraOpNumThreads, OrtSessionOptions *options, int count)                          \
    call(25, SetInterOpNumThreads, OrtSessionOptions *options, int count)                          \
    call(30, SessionGetInputCount, const OrtSession *session, size_t *ret_count)                   \
    call(31, SessionGetOutputCount, const OrtSession *session, size_t *ret_count)                  \
    call(33, SessionGetInputTypeInfo, const OrtSession *session, size_t at,                        \
         OrtTypeInfo **ret_info)                                                                   \
    call(34, SessionGetOutputTypeInfo, const OrtSession *session, size_t at,                       \
         OrtTypeInfo **ret_info)                                                                   \
    call(36, SessionGetInputName, const OrtSession *session, size_t at, OrtAllocator *allocator,   \
         char **ret_name)                                                                          \
    call(37, SessionGetOutputName, const OrtSession *session, size_t at,                           \
         OrtAllocator *allocator, char **ret_name)                                                 \
    call(39, CreateRunOptions, OrtRunOptions **ret_options)                                        \
    call(46, RunOptionsSetTerminate, OrtRunOptions *options)                                       \
    call(48, CreateTensorAsOrtValue, OrtAllocator *allocator, const int64_t *shape, size_t rank,   \
         ONNXTensorElementDataType type, OrtValue **ret_value)                                     \
    call(49, CreateTensorWithDataAsOrtValue, const OrtMemoryInfo *memory, void *data,              \
         size_t size_bytes, const int64_t *shape, size_t rank, ONNXTensorElementDataType type,     \
         OrtValue **ret_value)                                                                     \
    call(51, GetTensorMutableData, OrtValue *value, void **ret_data)                               \
    call(53, GetStringTensorDataLength, const OrtValue *value, size_t *ret_size_bytes)             \
    call(55, CastTypeInfoToTensorInfo, const OrtTypeInfo *info,                                    \
         const OrtTensorTypeAndShapeInfo **ret_info)                                               \
    call(60, GetTensorElementType, const OrtTensorTypeAndShapeInfo *info,                          \
         ONNXTensorElementDataType *ret_type)                                                      \
    call(61, GetDimensionsCount, const OrtTensorTypeAndShapeInfo *info, size_t *ret_rank)          \
    call(62, GetDimensions, const OrtTensorTypeAndShapeInfo *info, int64_t *dimensions,            \
         size_t rank)                                                                              \
    call(65, GetTensorTypeAndShape, const OrtValue *value, OrtTensorTypeAndShapeInfo **ret_info)   \
    call(69, CreateCpuMemoryInfo, OrtAllocatorType allocator, OrtMemType memory,                   \
         OrtMemoryInfo **ret_memory)                                                               \
    call(76, AllocatorFree, OrtAllocator *allocator, void *memory)                                 \
    call(78, GetAllocatorWithDefaultOptions, OrtAllocator **ret_allocator)                         \
    other(92, void, ReleaseEnv, OrtEnv *env)                                                       \
    other(93, void, ReleaseStatus, OrtStatus *status)                                              \
    other(94, void, ReleaseMemoryInfo, OrtMemoryInfo *memory)                                      \
    other(95, void, ReleaseSession, OrtSession *session)                                           \
    other(96, void, ReleaseValue, OrtValue *value)                                                 \
    other(97, void, ReleaseRunOptions, OrtRunOptions *options)                                     \
    other(98, void, ReleaseTypeInfo, OrtTypeInfo *info)                                            \
    other(99, void, ReleaseTensorTypeAndShapeInfo, OrtTensorTypeAndShapeInfo *info)                \
    other(100, void, ReleaseSessionOptions, OrtSessionOptions *options)                            \
    call(127, GetStringTensorElementLength, const OrtValue *value, size_t at,                      \
         size_t *ret_size_bytes)                                                                   \
    call(128, GetStringTensorElement, const OrtValue *value, size_t size_bytes, size_t at,         \
         void *bytes)                                                                              \
    call(130, AddSessionConfigEntry, OrtSessionOptions *options, const char *key,                  \
         const char *text)                                                                         \
    call(144, CreateAndRegisterAllocator, OrtEnv *env, const OrtMemoryInfo *memory,                \
         const OrtArenaCfg *arena)                                                                 \
    other(157, void, ReleaseArenaCfg, OrtArenaCfg *arena)                                          \
    call(164, CreateArenaCfgV2, const char *const *keys, const size_t *values, size_t count,       \
         OrtArenaCfg **ret_arena)                                                                  \
    call(252, GetResizedStringTensorElementBuffer, OrtValue *value, size_t at,                     \
         size_t size_bytes, char **ret_bytes)                                                      \
    call(266, SetUserLoggingFunction, OrtSessionOptions *options, OrtLoggingFunction log,          \
         void *parameter)                                                                          \
    call(273, SetDeterministicCompute, OrtSessionOptions *options, bool wanted)
/* clang-format on */

#ifndef WEFT_ORT_HEADER

#define WEFT_ORT_VALUE(name, number) name = number,
typedef enum { WEFT_ORT_ELEMENT_TYPES(WEFT_ORT_VALUE) } ONNXTensorElementDataType;
typedef enum { WEFT_ORT_ERROR_CODES(WEFT_ORT_VALUE) } OrtErrorCode;
typedef enum { WEFT_ORT_LOGGING_LEVELS(WEFT_ORT_VALUE) } OrtLoggingLevel;
typedef enum { WEFT_ORT_OPTIMIZATION_LEVELS(WEFT_ORT_VALUE) } GraphOptimizationLevel;
typedef enum { WEFT_ORT_EXECUTION_MODES(WEFT_ORT_VALUE) } ExecutionMode;
typedef enum { WEFT_ORT_ALLOCATOR_TYPES(WEFT_ORT_VALUE) } OrtAllocatorType;
typedef enum { WEFT_ORT_MEMORY_TYPES(WEFT_ORT_VALUE) } OrtMemType;
#undef WEFT_ORT_VALUE

typedef struct OrtAllocator OrtAllocator;
typedef struct OrtArenaCfg OrtArenaCfg;
typedef struct OrtEnv OrtEnv;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtStatus OrtStatus;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtValue OrtValue;
typedef void (*OrtLoggingFunction)(void *parameter, OrtLoggingLevel severity, const char *category,
                                   const char *id, const char *location, const char *message);

/* Each function lies behind as many pointers as its slot says; all of them lie over each other. */
#define WEFT_ORT_OTHER(slot, result, name, ...)                                                    \
    struct {                                                                                       \
        void (*before_##name[slot])(void);                                                         \
        result (*name)(__VA_ARGS__);                                                               \
    };
#define WEFT_ORT_CALL(slot, name, ...)                                                             \
    struct {                                                                                       \
        void (*before_##name[slot])(void);                                                         \
        OrtStatus *(*name)(__VA_ARGS__)WEFT_MUST_CHECK;                                            \
    };
typedef union OrtApi {
    WEFT_ORT_FUNCTIONS(WEFT_ORT_CALL, WEFT_ORT_OTHER)
} OrtApi;
#undef WEFT_ORT_OTHER
#undef WEFT_ORT_CALL

typedef struct OrtApiBase {
    const OrtApi *(*GetApi)(uint32_t version);
    const char *(*GetVersionString)(void);
} OrtApiBase;

const OrtApiBase *OrtGetApiBase(void); /* the one symbol of the library, found by its name */

#endif

#endif
