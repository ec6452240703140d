#pragma once
#include <c10/core/Device.h>

#include <functional>
#include <memory>
#include <string>

namespace hyperfit {

/// Work of a device that was recorded once and is queued again as one: with the memory, the shapes and the numbers of the host of when it
/// was recorded. https://docs.nvidia.com/cuda/cuda-driver-api, "Graph Management"
class DeviceGraph {
 public:
  virtual ~DeviceGraph() = default;
  /// Queues all of it on the current stream. Throws cuda::DriverFailure where the driver refuses it: then nothing is queued.
  virtual void replay() = 0;
};

class MemoryPool;

struct Recording {
  std::unique_ptr<DeviceGraph> graph;  // null where there can be none
  std::string refusal;                 // and why
};

/// Whether work of that device may be recorded: its driver can, and nobody has switched it off.
bool has_graphs(c10::Device device);

/// Records what `work` queues, of which nothing runs by that: afterwards the memory that it writes is as it was. It may be queued by hand
/// once the recording has failed, so it must do no more than queue. What it takes of device memory comes from `pool`, which may be shared
/// with graphs that never run at the same time; without one (MemoryPool::of gives null) there is no graph of work that takes any. An Error
/// (engine/error.h) that `work` throws is passed on.
///
/// The same work has to have run by `run_beside` before: only then do libraries have their plans and workspaces, which they keep by stream.
Recording record_graph(c10::Device device, const std::function<void()>& work, std::shared_ptr<MemoryPool> pool);

/// Runs `work` on the stream that graphs of this thread are recorded on, after what the current stream has been asked for, which waits for
/// it.
void run_beside(c10::Device device, const std::function<void()>& work);

/// For the process; on to begin with.
void set_graphs_enabled(bool to);

}  // namespace hyperfit
