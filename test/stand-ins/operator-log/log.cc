#include "log.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/function_schema.h>
#include <ATen/record_function.h>

#include <atomic>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "allocations.h"
#include "planted.h"

namespace operator_log {
namespace {

enum class Kind { computes, allocates, views };

struct Frame {
  std::string name;
  Kind kind = Kind::computes;
  bool is_leaf = true;  // calls no operator that computes
  bool reads = false;   // the host waits for values in it
};

std::atomic<bool> is_counting{false};
std::mutex mutex;  // of counted and kinds
Counts counted;
std::unordered_map<std::string, Kind> kinds;
thread_local std::vector<Frame> frames;  // the operators that this thread is in

bool starts_with(const std::string& text, const char* start) { return text.rfind(start, 0) == 0; }

// A view says so in its schema: what it returns is an alias that it does not write to.
Kind kind_of(const std::string& name, const at::RecordFunction& function) {
  if (starts_with(name, "aten::empty") || starts_with(name, "aten::new_empty") || starts_with(name, "aten::resize_"))
    return Kind::allocates;
  const std::optional<c10::FunctionSchema> schema = function.operator_schema();
  if (!schema || schema->returns().empty()) return Kind::computes;
  const c10::AliasInfo* alias = schema->returns()[0].alias_info();
  return alias && !alias->isWrite() ? Kind::views : Kind::computes;
}

Kind remembered_kind(const std::string& name, const at::RecordFunction& function) {
  const auto found = kinds.find(name);
  return found != kinds.end() ? found->second : kinds[name] = kind_of(name, function);
}

std::string name_of(const at::RecordFunction& function) {
  const std::string overload = function.overload_name();
  return overload.empty() ? function.name() : std::string(function.name()) + "." + overload;
}

void count_copy(Frame& frame, const at::RecordFunction& function) {
  const auto inputs = function.inputs();
  if (inputs.size() < 2 || !inputs[0].isTensor() || !inputs[1].isTensor()) return;
  const at::Device to = inputs[0].toTensor().device(), from = inputs[1].toTensor().device();
  if (from == to) return;
  ++counted.copies[from.str() + ">" + to.str()];
  frame.reads = to.is_cpu();
}

void count_start(Frame& frame, const at::RecordFunction& function) {
  frame.reads = frame.name == "aten::_local_scalar_dense";
  if (frame.reads) ++counted.scalar_reads;
  if (frame.name == "aten::copy_") count_copy(frame, function);
  if (frame.kind == Kind::views) {
    if (frames.empty()) ++counted.views[frame.name];
  } else {
    ++(frames.empty() ? counted.operators : counted.nested)[frame.name];
  }
}

// Costs nothing worth naming while nobody counts: the callbacks stay for the rest of the process.
std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& function) {
  if (!is_counting) return nullptr;
  report_allocations_of_this_thread();
  Frame frame{name_of(function)};
  {
    const std::lock_guard<std::mutex> lock(mutex);
    frame.kind = remembered_kind(frame.name, function);
    count_start(frame, function);
  }
  // A view of a view, or a view that had to copy: what computes is a leaf below all of them.
  if (frame.kind == Kind::computes) {
    for (Frame& outer : frames) outer.is_leaf = false;
  }
  frames.push_back(frame);
  run_planted(frame.name);
  return nullptr;
}

void on_end(const at::RecordFunction&, at::ObserverContext*) {
  if (frames.empty()) return;
  const Frame frame = frames.back();
  frames.pop_back();
  if (frame.kind != Kind::computes) return;
  const std::lock_guard<std::mutex> lock(mutex);
  if (frame.is_leaf) {
    ++counted.launches;
    ++counted.launches_since_read;
  }
  if (frame.reads) counted.launches_since_read = 0;
}

void register_once() {
  static const at::CallbackHandle kHandle = at::addGlobalCallback(
      at::RecordFunctionCallback(on_start, on_end).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  (void)kHandle;
}

}  // namespace

void start() {
  register_once();
  report_allocations_of_this_thread();
  const std::lock_guard<std::mutex> lock(mutex);
  counted = {};
  count_allocations(true);
  is_counting = true;
}

Counts stop() {
  is_counting = false;
  const std::lock_guard<std::mutex> lock(mutex);
  const Allocations made = count_allocations(false);
  counted.allocations = made.count;
  counted.allocated_bytes = made.bytes;
  return counted;
}

}  // namespace operator_log
