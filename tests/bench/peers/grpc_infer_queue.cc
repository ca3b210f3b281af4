/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers `grpc-c++` and `grpc-c++-reno` of `infer-12MiB`: OIP's ModelInfer over completion queues
 * with raw slices. The client sends its tensor as it lies in memory, the server takes the slices as
 * they came and looks at none: no copy and no parsing that gRPC itself does not do. Messages have
 * no size limit. --congestion makes the `-reno` peer.
 */
#include "grpc_peer.h"
#include "oip_message.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <thread>
#include <vector>

namespace
{

/* The answer: a ModelInferResponse that names the model and carries no tensor. */
const std::string answer_bytes("\x0a\x04sink", 6);

/* gRPC reads a socket in chunks of at most 8 KiB to 4 MiB by its own guess; starting big took 10-20
 * % off a call. */
constexpr int read_chunk_bytes = 4 << 20;

class Answer
{
  public:
    Answer(grpc::AsyncGenericService *service_of_all, grpc::ServerCompletionQueue *queue_of_all)
        : service(service_of_all), queue(queue_of_all)
    {
        accept();
    }

    void go_on(bool ok)
    {
        if (step == accepted && ok) {
            step = read;
            call->stream.Read(&call->request, this);
        } else if (step == read && ok) {
            step = answered;
            grpc::Slice slice(answer_bytes);
            call->stream.WriteAndFinish(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(),
                                        grpc::Status::OK, this);
        } else {
            accept();
        }
    }

  private:
    struct Call {
        grpc::GenericServerContext context;
        grpc::ByteBuffer request;
        grpc::GenericServerAsyncReaderWriter stream{&context};
    };

    void accept()
    {
        step = accepted;
        call = std::make_unique<Call>();
        service->RequestCall(&call->context, &call->stream, queue, queue, this);
    }

    grpc::AsyncGenericService *service;
    grpc::ServerCompletionQueue *queue;
    std::unique_ptr<Call> call;
    enum { accepted, read, answered } step = accepted;
};

int serve()
{
    grpc::AsyncGenericService service;
    grpc::ServerBuilder builder;
    int port = 0;
    set_up_peer_server(builder, &port);
    builder.AddChannelArgument(GRPC_ARG_TCP_READ_CHUNK_SIZE, read_chunk_bytes);
    builder.AddChannelArgument(GRPC_ARG_TCP_MAX_READ_CHUNK_SIZE, 4 * read_chunk_bytes);
    builder.RegisterAsyncGenericService(&service);
    auto queue = builder.AddCompletionQueue();
    auto server = builder.BuildAndStart();
    if (server == nullptr)
        return 1;
    Answer answer(&service, queue.get()), another(&service, queue.get());
    std::thread([&queue] {
        void *tag = nullptr;
        for (bool ok = false; queue->Next(&tag, &ok);)
            static_cast<Answer *>(tag)->go_on(ok);
    }).detach();
    serve_until_input_ends(port);
    _exit(0); /* nothing to hand back: open calls of a bench need no farewell */
}

/* The request's two parts: OIP's head, and a tensor that gRPC must neither copy nor free. */
grpc::ByteBuffer new_infer_message(const std::vector<float> &tensor)
{
    const int64_t shape[] = {static_cast<int64_t>(tensor.size())};
    uint8_t head[OIP_REQUEST_HEAD_MAX];
    struct oip_request request = {"sink", "tensor", "FP32",
                                  shape,  1,        tensor.size() * sizeof(float)};
    size_t head_bytes = oip_request_write_head(&request, head);
    grpc::Slice slices[] = {
        grpc::Slice(head, head_bytes),
        grpc::Slice(tensor.data(), request.tensor_bytes, grpc::Slice::STATIC_SLICE)};
    return grpc::ByteBuffer(slices, 2);
}

void call_all(const peer_options &options)
{
    grpc::GenericStub stub(grpc::CreateCustomChannel(
        options.address, grpc::InsecureChannelCredentials(), peer_channel_arguments()));
    std::vector<float> tensor(options.size_bytes / sizeof(float), 0.5F);
    grpc::ByteBuffer request = new_infer_message(tensor);
    grpc::CompletionQueue queue;
    struct samples samples;
    samples_init(&samples, options.calls);
    for (size_t i = 0; i < options.warmup + options.calls; i++) {
        grpc::ClientContext context;
        grpc::ByteBuffer reply;
        grpc::Status status;
        uint64_t started_ns = samples_now_ns();
        auto call = stub.PrepareUnaryCall(&context, OIP_INFER_METHOD, request, &queue);
        call->StartCall();
        call->Finish(&reply, &status, &call);
        void *tag = nullptr;
        bool ok = false;
        queue.Next(&tag, &ok);
        uint64_t ended_ns = samples_now_ns();
        check_reply(status, reply, answer_bytes.size());
        if (i >= options.warmup)
            samples_add(&samples, started_ns, ended_ns);
    }
    samples_print(&samples);
    samples_fini(&samples);
}

} // namespace

int main(int count, char **arguments)
{
    peer_options options = read_peer_options(count, arguments);
    if (options.role == "serve")
        return serve();
    call_all(options);
    return 0;
}
