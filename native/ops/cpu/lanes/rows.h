#pragma once
#include <algorithm>
#include <cstdint>

namespace hyperfit::kernels {

constexpr int64_t kElementsPerTask = 1 << 15;  // of a norm: below this a second thread costs more than it saves

/// How many rows of `size` a thread takes at least.
inline int64_t rows_per_task(int64_t size) { return std::max<int64_t>(1, kElementsPerTask / size); }
/// How many blocks of `width` columns, each `rows` high.
inline int64_t blocks_per_task(int64_t rows, int64_t width) { return std::max<int64_t>(1, kElementsPerTask / (rows * width)); }

}  // namespace hyperfit::kernels
