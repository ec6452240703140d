#include "ops/cpu/table.h"

namespace hyperfit::cpu {

// libtorch adds rows one after the other here, so that nothing has to be sorted for the same bits every time.
void embedding_backward(at::Tensor& gradient, const at::Tensor& dx, const at::Tensor& tokens, double scale, int64_t padding_index) {
  if (padding_index < 0) {
    gradient.index_add_(0, tokens, dx, scale);
    return;
  }
  // Of a tied head that row keeps what its product wrote.
  const at::Tensor row = gradient.select(0, padding_index), kept = row.clone();
  gradient.index_add_(0, tokens, dx, scale);
  row.copy_(kept);
}

}  // namespace hyperfit::cpu
