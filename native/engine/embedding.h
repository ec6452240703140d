#pragma once
#include <ATen/core/Tensor.h>

#include "engine/parameters.h"

namespace hyperfit {

/// Rows of the weight by token id.
struct Embedding {
  Parameter* weight = nullptr;  // [vocabulary, hidden]

  void forward(at::Tensor& x, const at::Tensor& tokens) const;  // x [rows, hidden], tokens int64 [rows]
  /// dW[token] += dx. With a tied head its product has already written dW; otherwise the caller clears it first.
  void backward(const at::Tensor& dx, const at::Tensor& tokens) const;
};

}  // namespace hyperfit
