#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// Per row of logits [rows, size]: losses[row] = -ln softmax(logits)[target] in nats, and the logits become the gradient
/// softmax - one-hot. A negative target gives a loss of 0 and a gradient of 0. Sums are float32, whatever T.
template <class T>
void cross_entropy(T* logits, float* losses, const int64_t* targets, int64_t rows, int64_t size);

}  // namespace hyperfit::kernels
