#include "captures.h"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include <map>
#include <memory>
#include <string>

#include "driver.h"

extern "C" {
STAND_IN_CALL(cuDevicePrimaryCtxRetain, void** context, int device);
STAND_IN_CALL(cuCtxPushCurrent_v2, void* context);
STAND_IN_CALL(cuCtxPopCurrent_v2, void** context);
STAND_IN_CALL(cuStreamBeginCapture_v2, void* stream, int mode);
STAND_IN_CALL(cuStreamEndCapture, void* stream, void** graph);
STAND_IN_CALL(cuGraphInstantiateWithFlags, void** executable, void* graph, unsigned long long flags);
STAND_IN_CALL(cuGraphLaunch, void* executable, void* stream);
STAND_IN_CALL(cuGraphExecDestroy, void* executable);
STAND_IN_CALL(cuGraphDestroy, void* graph);
STAND_IN_CALL(cuGetErrorName, int result, const char** name);
}

namespace stand_in {
namespace {

/// A capture that runs, on a stream of its own.
struct Running {
  explicit Running(c10::Device device)
      : stream(c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device, false)), on(stream) {}
  c10::Stream stream;
  c10::StreamGuard on;
};

std::unique_ptr<Running> running;
std::map<int, void*> graphs;

void check(Napi::Env env, int result) {
  if (result == 0) return;
  const char* name = nullptr;
  cuGetErrorName(result, &name);
  throw Napi::Error::New(env, name == nullptr ? "error " + std::to_string(result) : name);
}

/// The context of a device, for one call.
class InContext {
 public:
  explicit InContext(int device) {
    void* context = nullptr;
    cuDevicePrimaryCtxRetain(&context, device);
    cuCtxPushCurrent_v2(context);
  }
  ~InContext() {
    void* context = nullptr;
    cuCtxPopCurrent_v2(&context);
  }
};

c10::Device device_of(const Napi::CallbackInfo& info) { return c10::Device(info[0].As<Napi::String>().Utf8Value()); }

Napi::Value begin_capture(const Napi::CallbackInfo& info) {
  const c10::Device device = device_of(info);
  const InContext in(device.index());
  running = std::make_unique<Running>(device);
  check(info.Env(), cuStreamBeginCapture_v2(running->stream.native_handle(), 1));
  return info.Env().Undefined();
}

Napi::Value end_capture(const Napi::CallbackInfo& info) {
  const std::unique_ptr<Running> ended = std::move(running);
  const InContext in(ended->stream.device_index());
  void *graph = nullptr, *executable = nullptr;
  check(info.Env(), cuStreamEndCapture(ended->stream.native_handle(), &graph));
  check(info.Env(), cuGraphInstantiateWithFlags(&executable, graph, 0));
  cuGraphDestroy(graph);
  const int number = graphs.empty() ? 1 : graphs.rbegin()->first + 1;
  graphs[number] = executable;
  return Napi::Number::New(info.Env(), number);
}

Napi::Value launch_graph(const Napi::CallbackInfo& info) {
  const InContext in(info[1].As<Napi::Number>().Int32Value());
  try {
    check(info.Env(), cuGraphLaunch(graphs.at(info[0].As<Napi::Number>().Int32Value()), nullptr));
  } catch (const c10::Error& error) {
    throw Napi::Error::New(info.Env(), error.what_without_backtrace());
  }
  return info.Env().Undefined();
}

Napi::Value forget_graph(const Napi::CallbackInfo& info) {
  const int number = info[0].As<Napi::Number>().Int32Value();
  cuGraphExecDestroy(graphs.at(number));
  graphs.erase(number);
  return info.Env().Undefined();
}

}  // namespace

void init_captures(Napi::Env env, Napi::Object exports) {
  exports.Set("beginCapture", Napi::Function::New(env, begin_capture, "beginCapture"));
  exports.Set("endCapture", Napi::Function::New(env, end_capture, "endCapture"));
  exports.Set("launchGraph", Napi::Function::New(env, launch_graph, "launchGraph"));
  exports.Set("forgetGraph", Napi::Function::New(env, forget_graph, "forgetGraph"));
}

}  // namespace stand_in
