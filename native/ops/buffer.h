#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace hyperfit {

struct Ops;

/// Rises whenever memory that is kept for later calls is taken anew, in whatever object, or other work is to be queued with it than before:
/// graphs (graph/repeated_work.h) have both in them.
int64_t memory_moves();
/// To be called by whoever keeps such memory beside a Buffer.
void note_memory_move();

/// Memory that is allocated once and viewed in any shape and type that fits; grows only when more is asked for.
class Buffer {
 public:
  explicit Buffer(const Ops& ops) : ops_(&ops) {}
  /// Dense, of that shape and type.
  at::Tensor view(at::IntArrayRef shape, const at::TensorOptions& options);
  /// The same, and where it has to grow it does so by half at least: for shapes that grow a little with every call.
  at::Tensor growing_view(at::IntArrayRef shape, const at::TensorOptions& options);
  int64_t bytes() const { return storage_.defined() ? static_cast<int64_t>(storage_.nbytes()) : 0; }

 private:
  at::Tensor view_with_room(at::IntArrayRef shape, const at::TensorOptions& options, int64_t room);
  at::Tensor first(int64_t count, const at::TensorOptions& options) const;
  const Ops* ops_;
  at::Tensor storage_;  // [elements], of the type that was asked for when it was taken
};

}  // namespace hyperfit
