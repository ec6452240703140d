#include "ops/buffer.h"

#include "ops/ops.h"

namespace hyperfit {

at::Tensor Buffer::view(at::IntArrayRef shape, const at::TensorOptions& options) {
  const int64_t count = c10::multiply_integers(shape);
  if (!storage_.defined() || storage_.numel() < count) {
    storage_ = at::Tensor();  // freed before the larger one is taken
    storage_ = ops_->empty(count, options);
  }
  return storage_.narrow(0, 0, count).view(shape);
}

}  // namespace hyperfit
