#include "ops/buffer.h"

#include <algorithm>
#include <atomic>

#include "ops/ops.h"

namespace hyperfit {
namespace {

std::atomic<int64_t> moves{0};

}  // namespace

int64_t memory_moves() { return moves; }
void note_memory_move() { ++moves; }

at::Tensor Buffer::view(at::IntArrayRef shape, const at::TensorOptions& options) { return view_with_room(shape, options, 0); }

at::Tensor Buffer::growing_view(at::IntArrayRef shape, const at::TensorOptions& options) {
  return view_with_room(shape, options, bytes() + bytes() / 2);
}

// `room`: bytes that it has then, at least, where it has to grow.
at::Tensor Buffer::view_with_room(at::IntArrayRef shape, const at::TensorOptions& options, int64_t room) {
  const int64_t count = c10::multiply_integers(shape),
                size = static_cast<int64_t>(c10::elementSize(c10::typeMetaToScalarType(options.dtype())));
  if (!storage_.defined() || bytes() < count * size) {
    storage_ = at::Tensor();  // freed before the larger one is taken
    storage_ = ops_->empty(std::max(count, room / size), options);
    note_memory_move();
  }
  return first(count, options).view(shape);
}

// Elements of another type than the memory was taken for are its bytes.
at::Tensor Buffer::first(int64_t count, const at::TensorOptions& options) const {
  const at::ScalarType type = c10::typeMetaToScalarType(options.dtype());
  if (storage_.scalar_type() == type) return storage_.narrow(0, 0, count);
  const int64_t wanted = count * static_cast<int64_t>(c10::elementSize(type)), size = storage_.element_size();
  return storage_.narrow(0, 0, (wanted + size - 1) / size).view(type).narrow(0, 0, count);
}

}  // namespace hyperfit
