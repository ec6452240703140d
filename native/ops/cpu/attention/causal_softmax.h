#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// Rows of attention scores [matrices * T, T]: row r belongs to position r % T and looks at columns max(0, t + 1 - window)
/// to t, window 0 for all up to t.
struct CausalRows {
  int64_t matrices, length, window;
};

/// scores become softmax(scale * scores) over the columns that a row looks at, 0 elsewhere.
template <class T>
void causal_softmax(T* scores, const CausalRows& rows, float scale);
/// dp becomes the gradient of the unscaled scores, scale * p (dp - sum of p dp), 0 where a row does not look.
template <class T>
void causal_softmax_backward(T* dp, const T* p, const CausalRows& rows, float scale);

}  // namespace hyperfit::kernels
