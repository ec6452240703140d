#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "engine/huge_pages.h"

namespace hyperfit {

/// Memory that is allocated once and viewed in any shape that fits; grows only when a larger shape is asked for.
class Buffer {
 public:
  at::Tensor view(at::IntArrayRef shape, const at::TensorOptions& options) {
    const int64_t count = c10::multiply_integers(shape);
    if (!storage_.defined() || storage_.numel() < count) {
      storage_ = at::Tensor();  // freed before the larger one is taken
      storage_ = at::empty({count}, options);
      ask_for_huge_pages(storage_);
    }
    return storage_.narrow(0, 0, count).view(shape);
  }
  int64_t bytes() const { return storage_.defined() ? static_cast<int64_t>(storage_.nbytes()) : 0; }

 private:
  at::Tensor storage_;
};

}  // namespace hyperfit
