/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peer `grpc-c++`, the callback API: the server answers within the callback of the request, the
 * client starts the next call within the callback of the last one. A generic server of this API is
 * slower than a generated one with raw messages, so it is the latter.
 */
#include "echo.grpc.pb.h"
#include "grpc_peer.h"

#include <grpcpp/generic/generic_stub.h>

#include <condition_variable>
#include <memory>
#include <mutex>

namespace
{

class EchoService final
    : public weft::bench::Echo::WithRawCallbackMethod_Echo<weft::bench::Echo::Service>
{
    grpc::ServerUnaryReactor *Echo(grpc::CallbackServerContext *context,
                                   const grpc::ByteBuffer *request,
                                   grpc::ByteBuffer *response) override
    {
        *response = *request;
        auto *reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }
};

int serve()
{
    EchoService service;
    grpc::ServerBuilder builder;
    int port = 0;
    set_up_peer_server(builder, &port);
    builder.RegisterService(&service);
    auto server = builder.BuildAndStart();
    if (server == nullptr)
        return 1;
    serve_until_input_ends(port);
    server->Shutdown();
    return 0;
}

class Caller
{
  public:
    Caller(const peer_options &options)
        : stub(grpc::CreateCustomChannel(options.address, grpc::InsecureChannelCredentials(),
                                         peer_channel_arguments())),
          request(new_echo_message(options.size_bytes)), warmup(options.warmup),
          total(options.warmup + options.calls)
    {
        samples_init(&samples, options.calls);
    }

    void run()
    {
        start();
        std::unique_lock<std::mutex> lock(mutex);
        ended.wait(lock, [this] { return done == total; });
        samples_print(&samples);
        samples_fini(&samples);
    }

  private:
    void start()
    {
        context = std::make_unique<grpc::ClientContext>();
        reply.Clear();
        started_ns = samples_now_ns();
        stub.UnaryCall(context.get(), "/weft.bench.Echo/Echo", grpc::StubOptions(), &request,
                       &reply, [this](grpc::Status status) { finish(status); });
    }

    void finish(const grpc::Status &status)
    {
        uint64_t ended_ns = samples_now_ns();
        check_reply(status, reply, request.Length());
        if (done >= warmup)
            samples_add(&samples, started_ns, ended_ns);
        if (done + 1 < total) {
            done++;
            start();
            return;
        }
        std::lock_guard<std::mutex> lock(mutex);
        done++;
        ended.notify_one();
    }

    grpc::GenericStub stub;
    grpc::ByteBuffer request, reply;
    std::unique_ptr<grpc::ClientContext> context;
    struct samples samples;
    uint64_t started_ns = 0;
    size_t done = 0, warmup, total;
    std::mutex mutex;
    std::condition_variable ended;
};

} // namespace

int main(int count, char **arguments)
{
    peer_options options = read_peer_options(count, arguments);
    if (options.role == "serve")
        return serve();
    Caller(options).run();
    return 0;
}
