#include "graph/graph.h"

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <atomic>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

#include "engine/error.h"
#include "graph/allocations.h"
#include "graph/memory_pool.h"
#include "ops/cuda/launch/context.h"
#include "ops/cuda/launch/driver.h"
#include "ops/cuda/launch/report.h"

namespace hyperfit {
namespace {

using cuda::Driver;

constexpr int kThreadLocal = 1;  // CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads may call what they like

std::atomic<bool> enabled{true};

c10::impl::VirtualGuardImpl guard_of(c10::Device device) { return c10::impl::VirtualGuardImpl(device.type()); }

c10::Stream current_stream(c10::Device device) { return guard_of(device).getStream(device); }

/// Work on the default stream cannot be recorded. One a thread, as what is recorded at the same time must not meet.
c10::Stream recording_stream(c10::Device device) {
  thread_local std::map<std::pair<c10::DeviceType, c10::DeviceIndex>, c10::Stream> streams;
  const auto key = std::pair(device.type(), device.index());
  const auto found = streams.find(key);
  if (found != streams.end()) return found->second;
  return streams.emplace(key, guard_of(device).getStreamFromGlobalPool(device, /*isHighPriority=*/false)).first->second;
}

void wait_for(const c10::Stream& waiting, const c10::Stream& awaited) {
  c10::Event event(awaited.device_type());
  event.record(awaited);
  event.block(waiting);
}

const Driver* driver_of_graphs(c10::Device device) {
  const Driver* driver = cuda::driver_of(device.type());
  return driver != nullptr && driver->graphs ? driver : nullptr;
}

class DriverGraph : public DeviceGraph {
 public:
  DriverGraph(const Driver& driver, c10::Device device, Driver::Handle context, std::shared_ptr<MemoryPool> pool, Driver::Handle graph)
      : driver_(driver), device_(device), context_(context), pool_(std::move(pool)) {
    const cuda::CurrentContext current(driver_, context_);
    cuda::check(driver_, "cuGraphInstantiateWithFlags", driver_.graphs->cuGraphInstantiateWithFlags(&executable_, graph, 0));
  }
  ~DriverGraph() override {
    try {
      const cuda::CurrentContext current(driver_, context_);
      if (executable_ != nullptr) driver_.graphs->cuGraphExecDestroy(executable_);
    } catch (const std::exception&) {
      // The device is lost, and so is what it held.
    }
  }

  void replay() override {
    const cuda::CurrentContext current(driver_, context_);
    cuda::check(driver_, "cuGraphLaunch", driver_.graphs->cuGraphLaunch(executable_, current_stream(device_).native_handle()));
  }

 private:
  const Driver& driver_;
  c10::Device device_;
  Driver::Handle context_;
  std::shared_ptr<MemoryPool> pool_;
  Driver::Handle executable_ = nullptr;
};

/// Between begin and end all that this thread queues on the stream is recorded.
class Capture {
 public:
  Capture(const Driver& driver, Driver::Handle context, const c10::Stream& stream)
      : driver_(driver), current_(driver, context), stream_(stream.native_handle()) {
    cuda::check(driver_, "cuStreamBeginCapture", driver_.graphs->cuStreamBeginCapture_v2(stream_, kThreadLocal));
    runs_ = true;
  }
  ~Capture() {
    if (runs_) driver_.graphs->cuStreamEndCapture(stream_, &graph_);
    if (graph_ != nullptr) driver_.graphs->cuGraphDestroy(graph_);
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  Driver::Handle end() {
    runs_ = false;
    cuda::check(driver_, "cuStreamEndCapture", driver_.graphs->cuStreamEndCapture(stream_, &graph_));
    return graph_;
  }

 private:
  const Driver& driver_;
  cuda::CurrentContext current_;
  void* stream_;
  bool runs_ = false;
  Driver::Handle graph_ = nullptr;
};

std::unique_ptr<DeviceGraph> record(const Driver& driver, c10::Device device, const std::function<void()>& work,
                                    std::shared_ptr<MemoryPool> pool) {
  const c10::Stream stream = recording_stream(device);
  const c10::StreamGuard on(stream);
  const Driver::Handle context = cuda::primary_context(driver, device);
  std::optional<MemoryPool::Use> use;
  if (pool) use.emplace(*pool, stream);
  Capture capture(driver, context, stream);
  const CountedAllocations taken;
  work();
  const Driver::Handle graph = capture.end();
  use.reset();
  if (!pool && taken.count() > 0) {
    throw std::runtime_error("expected work that takes no memory, as this allocator sets none apart, got " + std::to_string(taken.count()) +
                             " blocks");
  }
  return std::make_unique<DriverGraph>(driver, device, context, std::move(pool), graph);
}

}  // namespace

bool has_graphs(c10::Device device) {
  if (!enabled || !(device.is_cuda() || device.is_privateuseone())) return false;
  return driver_of_graphs(device) != nullptr && cuda::may_launch(device);
}

Recording record_graph(c10::Device device, const std::function<void()>& work, std::shared_ptr<MemoryPool> pool) {
  try {
    return {record(*driver_of_graphs(device), device, work, std::move(pool)), ""};
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    return {nullptr, error.what_without_backtrace()};
  } catch (const std::exception& error) {
    return {nullptr, error.what()};
  }
}

void run_beside(c10::Device device, const std::function<void()>& work) {
  const c10::Stream stream = recording_stream(device), current = current_stream(device);
  wait_for(stream, current);
  {
    const c10::StreamGuard on(stream);
    work();
  }
  wait_for(current, stream);
}

void set_graphs_enabled(bool to) { enabled = to; }

}  // namespace hyperfit
