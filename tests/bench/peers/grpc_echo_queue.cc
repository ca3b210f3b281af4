/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peer `grpc-c++`, the completion-queue API: one thread of the server and one of the client each
 * work off their own queue. More threads only add hand-overs where a process has one CPU.
 */
#include "echo.grpc.pb.h"
#include "grpc_peer.h"

#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <thread>

namespace
{

using EchoService = weft::bench::Echo::WithRawMethod_Echo<weft::bench::Echo::Service>;

/* Calls that wait to be taken; more than 8 connections x 32 streams never come at once in the
 * benches. */
constexpr size_t accepts_open = 512;

/* One call after another: taken, answered, then ready for the next. */
class Answer
{
  public:
    Answer(EchoService *service_of_all, grpc::ServerCompletionQueue *queue_of_all)
        : service(service_of_all), queue(queue_of_all)
    {
        accept();
    }

    void go_on(bool ok)
    {
        if (answering || !ok) {
            if (answering)
                accept();
            return;
        }
        answering = true;
        call->writer.Finish(call->request, grpc::Status::OK, this);
    }

  private:
    struct Call {
        grpc::ServerContext context;
        grpc::ByteBuffer request;
        grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> writer{&context};
    };

    void accept()
    {
        answering = false;
        call = std::make_unique<Call>();
        service->RequestEcho(&call->context, &call->request, &call->writer, queue, queue, this);
    }

    EchoService *service;
    grpc::ServerCompletionQueue *queue;
    std::unique_ptr<Call> call;
    bool answering = false;
};

int serve()
{
    EchoService service;
    grpc::ServerBuilder builder;
    int port = 0;
    set_up_peer_server(builder, &port);
    builder.RegisterService(&service);
    auto queue = builder.AddCompletionQueue();
    auto server = builder.BuildAndStart();
    if (server == nullptr)
        return 1;
    std::vector<std::unique_ptr<Answer>> answers;
    for (size_t i = 0; i < accepts_open; i++)
        answers.push_back(std::make_unique<Answer>(&service, queue.get()));
    std::thread([&queue] {
        void *tag = nullptr;
        for (bool ok = false; queue->Next(&tag, &ok);)
            static_cast<Answer *>(tag)->go_on(ok);
    }).detach();
    serve_until_input_ends(port);
    _exit(0); /* nothing to hand back: open calls of a bench need no farewell */
}

void call_all(const peer_options &options)
{
    grpc::GenericStub stub(grpc::CreateCustomChannel(
        options.address, grpc::InsecureChannelCredentials(), peer_channel_arguments()));
    grpc::ByteBuffer request = new_echo_message(options.size_bytes);
    grpc::CompletionQueue queue;
    struct samples samples;
    samples_init(&samples, options.calls);
    for (size_t i = 0; i < options.warmup + options.calls; i++) {
        grpc::ClientContext context;
        grpc::ByteBuffer reply;
        grpc::Status status;
        uint64_t started_ns = samples_now_ns();
        auto call = stub.PrepareUnaryCall(&context, "/weft.bench.Echo/Echo", request, &queue);
        call->StartCall();
        call->Finish(&reply, &status, &call);
        void *tag = nullptr;
        bool ok = false;
        queue.Next(&tag, &ok);
        uint64_t ended_ns = samples_now_ns();
        check_reply(status, reply, request.Length());
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
