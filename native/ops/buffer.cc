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
  return view_with_room(shape, options, storage_.defined() ? storage_.numel() + storage_.numel() / 2 : 0);
}

at::Tensor Buffer::view_with_room(at::IntArrayRef shape, const at::TensorOptions& options, int64_t room) {
  const int64_t count = c10::multiply_integers(shape);
  if (!storage_.defined() || storage_.numel() < count) {
    storage_ = at::Tensor();  // freed before the larger one is taken
    storage_ = ops_->empty(std::max(count, room), options);
    note_memory_move();
  }
  return storage_.narrow(0, 0, count).view(shape);
}

}  // namespace hyperfit
