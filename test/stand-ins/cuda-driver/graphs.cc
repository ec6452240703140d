// Graphs: what a stream is asked for is recorded by the guarded device, and replayed there.
#include "driver.h"
#include "guard_calls.h"

namespace stand_in {
namespace {

constexpr int kThreadLocal = 1;  // CU_STREAM_CAPTURE_MODE_THREAD_LOCAL

/// A graph, and what was made of it to be launched: one recording, until both are destroyed.
struct Graph {
  void* recording;
  int device, owners;
};

void let_go(Graph* graph) {
  if (--graph->owners > 0) return;
  guard().forget(graph->recording);
  delete graph;
}

}  // namespace

GraphCounts& graph_counts() {
  static GraphCounts made;
  return made;
}

}  // namespace stand_in

extern "C" {

using namespace stand_in;

// Not on the stream of no number, as on a card's default stream.
STAND_IN_CALL(cuStreamBeginCapture_v2, void* stream, int mode) {
  if (current_device() < 0) return kInvalidContext;
  if (const int failure = failure_of("cuStreamBeginCapture")) return failure;
  if (stream == nullptr) return kUnsupported;
  if (mode != kThreadLocal) return kInvalidValue;
  if (guard().is_capturing()) return kIllegalState;
  guard().begin_capture(current_device(), stream);
  graph_counts().captures += 1;
  return 0;
}

STAND_IN_CALL(cuStreamEndCapture, void*, void** graph) {
  *graph = nullptr;
  if (!guard().is_capturing()) return kIllegalState;
  void* recording = guard().end_capture();
  if (const int failure = failure_of("cuStreamEndCapture")) {
    if (recording != nullptr) guard().forget(recording);
    return failure;
  }
  if (recording == nullptr) return kInvalidated;
  *graph = new Graph{recording, current_device(), 1};
  return 0;
}

STAND_IN_CALL(cuGraphInstantiateWithFlags, void** executable, void* graph, unsigned long long flags) {
  if (const int failure = failure_of("cuGraphInstantiateWithFlags")) return failure;
  if (graph == nullptr || flags != 0) return kInvalidValue;
  static_cast<Graph*>(graph)->owners += 1;
  *executable = graph;
  graph_counts().made += 1;
  return 0;
}

STAND_IN_CALL(cuGraphLaunch, void* executable, void*) {
  if (executable == nullptr) return kInvalidValue;
  if (const int failure = failure_of("cuGraphLaunch")) return failure;
  if (current_device() != static_cast<Graph*>(executable)->device) return kInvalidContext;
  graph_counts().launches += 1;
  guard().replay(static_cast<Graph*>(executable)->recording);
  return 0;
}

STAND_IN_CALL(cuGraphExecDestroy, void* executable) {
  let_go(static_cast<Graph*>(executable));
  graph_counts().destroyed += 1;
  return 0;
}

STAND_IN_CALL(cuGraphDestroy, void* graph) {
  let_go(static_cast<Graph*>(graph));
  return 0;
}
}
