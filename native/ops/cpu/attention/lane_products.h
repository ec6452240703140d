#pragma once
// The products of attention by multiply-adds of float32, in tiles of six rows by a panel of columns (float32_gemm/tile.h), and the softmax
// between them. What the diagonal or a window leaves out is not multiplied, tile by tile. bfloat16 is widened: matrices as they are packed,
// a block of rows before it is multiplied.
#include <algorithm>
#include <type_traits>

#include "ops/cpu/attention/attention_block.h"
#include "ops/cpu/attention/causal_attention.h"
#include "ops/cpu/float32_gemm/packing.h"
#include "ops/cpu/float32_gemm/tile.h"
#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/memory/thread_buffer.h"

namespace hyperfit::kernels {
namespace {

thread_local ThreadBuffer packed_block_rows, single_rows;

/// Rows of a left operand, of which element (r, k) stands at data[r row_stride + k inner_stride].
struct AttentionRows {
  const float* data;
  int64_t row_stride, inner_stride;
};
/// A matrix that products write to.
struct AttentionSums {
  float* data;
  int64_t stride;
};

/// A matrix [inner, columns] as panels, one behind the other.
template <class T>
struct PackPanels {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* to, const GemmMatrix<T>& matrix, int64_t inner, int64_t columns) {
    if constexpr (L::kFit >= 8) {
      for (int64_t n = 0; n < columns; n += kPanelWidth<L>)
        pack_panel<L>(to + n * inner, matrix, 0, inner, n, std::min(kPanelWidth<L>, columns - n));
    }
  }
};

/// Rows of X as rows of Y.
template <class Y, class X>
struct ConvertRows {
  template <class L>
  [[gnu::always_inline]] static inline void run(Y* to, int64_t to_stride, const X* from, int64_t from_stride, int64_t rows, int64_t count) {
    for (int64_t row = 0; row < rows; ++row, to += to_stride, from += from_stride) {
      int64_t i = 0;
      for (; i + kLanes <= count; i += kLanes) L::load(from + i).store(to + i);
      for (; i < count; ++i) to[i] = from[i];
    }
  }
};

/// Rows r .. r + rows and one panel, summed from k to k + inner; `adds` to what stands there.
template <class L>
[[gnu::always_inline]] inline void multiply_tile(const AttentionSums& to, const AttentionRows& a, const float* panel, int64_t rows,
                                                 int64_t inner, int64_t columns, bool adds) {
  const Float32Tile tile{a.data, a.row_stride, a.inner_stride, panel, inner, kFloat32TileRows * a.row_stride};
  tile_product<L>(rows, tile, Float32Target{nullptr, true, false, to.data, to.stride, adds ? to.data : nullptr, to.stride, columns});
}

/// to [rows, keys] = a [rows, size] times the transpose of keys [length, size], packed.
struct MultiplyTransposed {
  template <class L>
  [[gnu::always_inline]] static inline void run(const AttentionSums& to, const AttentionRows& a, const float* packed, int64_t size,
                                                const AttentionBlock& block) {
    if constexpr (L::kFit >= 8) {
      for (int64_t key = block.low; key < block.high; key += kPanelWidth<L>) {
        const int64_t first = std::max<int64_t>(0, key - block.begin) / kFloat32TileRows * kFloat32TileRows;
        const int64_t end = block.span.end(key + kPanelWidth<L> - 1, block.end) - block.begin;
        for (int64_t row = first; row < end; row += kFloat32TileRows) {
          multiply_tile<L>({to.data + row * to.stride + key, to.stride}, {a.data + row * a.row_stride, a.row_stride, 1},
                           packed + key * size, std::min(kFloat32TileRows, block.rows() - row), size, kPanelWidth<L>, false);
        }
      }
    }
  }
};

/// to [rows, size] = a [rows, keys] times values [length, size], packed.
struct MultiplyKeys {
  template <class L>
  [[gnu::always_inline]] static inline void run(const AttentionSums& to, const AttentionRows& a, const float* packed, int64_t length,
                                                int64_t size, const AttentionBlock& block) {
    if constexpr (L::kFit >= 8) {
      for (int64_t column = 0; column < size; column += kPanelWidth<L>) {
        for (int64_t row = 0; row < block.rows(); row += kFloat32TileRows) {
          const int64_t rows = std::min(kFloat32TileRows, block.rows() - row), first = block.span.first(block.begin + row),
                        end = block.begin + row + rows;
          multiply_tile<L>({to.data + row * to.stride + column, to.stride}, {a.data + row * a.row_stride + first, a.row_stride, 1},
                           packed + column * length + first * kPanelWidth<L>, rows, end - first, std::min(kPanelWidth<L>, size - column),
                           false);
        }
      }
    }
  }
};

/// The block's keys of to [length, size] += the transpose of `a` [rows, keys] times b [rows, size], packed.
struct AddTransposed {
  template <class L>
  [[gnu::always_inline]] static inline void run(const AttentionSums& to, const AttentionRows& a, const float* packed, int64_t size,
                                                const AttentionBlock& block) {
    if constexpr (L::kFit >= 8) {
      for (int64_t column = 0; column < size; column += kPanelWidth<L>) {
        for (int64_t key = block.low; key < block.high; key += kFloat32TileRows) {
          const int64_t keys = std::min(kFloat32TileRows, block.high - key), first = std::max<int64_t>(0, key - block.begin);
          const int64_t end = block.span.end(key + keys - 1, block.end) - block.begin;
          if (first >= end) continue;
          multiply_tile<L>({to.data + key * size + column, size}, {a.data + first * a.row_stride + key, 1, a.row_stride},
                           packed + column * block.rows() + first * kPanelWidth<L>, keys, end - first,
                           std::min(kPanelWidth<L>, size - column), true);
        }
      }
    }
  }
};

/// The keys of one row that products look at: those it sees, [first, last], and as many beside them as tiles do, in whole lanes.
struct SeenKeys {
  SeenKeys(const AttentionBlock& block, int64_t t) : first(block.span.first(t)), last(t) {
    constexpr int64_t kBeside = kFloat32TileRows - 1;
    begin = std::max(block.low, first - kBeside) / kLanes * kLanes;
    end = std::min(block.padded_high, (t + kBeside) / kLanes * kLanes + kLanes);
  }
  void fill_beside(float* row, float value) const {
    std::fill(row + begin, row + first, value);
    std::fill(row + last + 1, row + end, value);
  }
  int64_t first, last, begin, end;
};

struct SoftmaxRows {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* scores, int64_t stride, const AttentionBlock& block, float scale) {
    for (int64_t t = block.begin; t < block.end; ++t, scores += stride) softmax<L>(scores, SeenKeys(block, t), scale);
  }
  template <class L>
  [[gnu::always_inline]] static inline void softmax(float* x, const SeenKeys& keys, float scale) {
    keys.fill_beside(x, x[keys.last]);
    const float top = largest_of<L>(x + keys.begin, keys.end - keys.begin) * scale;
    for (int64_t k = keys.begin; k < keys.end; k += kLanes) exp(L::load(x + k) * scale - top).store(x + k);
    keys.fill_beside(x, 0);
    L total = {};
    for (int64_t k = keys.begin; k < keys.end; k += kLanes) total += L::load(x + k);
    const L factor = 1.0f / sum(total);
    for (int64_t k = keys.begin; k < keys.end; k += kLanes) (L::load(x + k) * factor).store(x + k);
  }
};

/// dp becomes scale p (dp - sum of p dp).
struct SoftmaxRowsBackward {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* dp, const float* p, int64_t stride, const AttentionBlock& block, float scale) {
    for (int64_t t = block.begin; t < block.end; ++t, dp += stride, p += stride) {
      const SeenKeys keys(block, t);
      keys.fill_beside(dp, 0);
      const float mean = dot<L>(dp + keys.begin, p + keys.begin, keys.end - keys.begin);
      for (int64_t k = keys.begin; k < keys.end; k += kLanes) (L::load(p + k) * (L::load(dp + k) - mean) * scale).store(dp + k);
    }
  }
};

template <class T>
struct LaneProducts {
  using Element = T;
  using Probability = float;

  static constexpr int64_t kRowPadding =
      kLanes;  // columns of scores are read too: a power of two would have them all in few sets of a cache

  /// Blocks of equal size in whole tiles.
  static int64_t block_rows(int64_t length) {
    constexpr int64_t kMost = 11 * kFloat32TileRows;
    const int64_t blocks = (length + kMost - 1) / kMost, rows = (length + blocks - 1) / blocks;
    return (rows + kFloat32TileRows - 1) / kFloat32TileRows * kFloat32TileRows;
  }

  /// One matrix [T, D] packed for products whose columns are its rows (to multiply by its transpose), or for those whose
  /// columns are its columns.
  class Head {
   public:
    Head(ThreadBuffer& buffer, const CausalAttention<T>& c) : length_(c.length), size_(c.size) {
      to_ = buffer.take<float>(std::max(panels_of(length_) * size_, panels_of(size_) * length_) * kAttentionPanel);
    }
    void pack_transposed(const T* rows) const {
      dispatch<PackPanels<T>, float*, const GemmMatrix<T>&>(to_, {rows, 1, size_}, size_, length_);
    }
    void pack(const T* rows, int64_t row_stride) const {
      dispatch<PackPanels<T>, float*, const GemmMatrix<T>&>(to_, {rows, row_stride, 1}, length_, size_);
    }
    const float* packed() const { return to_; }
    int64_t length() const { return length_; }
    int64_t size() const { return size_; }

   private:
    float* to_;
    int64_t length_, size_;
  };

  /// to [rows, keys] = a [rows, D] times the transpose of what is packed, where rows see keys; `stride` is that of `to`.
  void multiply_transposed(float* to, int64_t stride, const T* a, int64_t a_stride, const Head& packed, const AttentionBlock& block) const {
    dispatch<MultiplyTransposed, const AttentionSums&, const AttentionRows&, const float*, int64_t, const AttentionBlock&>(
        {to, stride}, widened({a, a_stride}, block.rows(), packed.size()), packed.packed(), packed.size(), block);
  }
  /// to [rows, D] = a [rows, keys] times the keys' rows of what is packed.
  void multiply_keys(T* to, int64_t stride, const float* a, int64_t a_stride, const Head& packed, const AttentionBlock& block) const {
    const AttentionSums sums = sums_for(to, stride, block.rows(), packed.size());
    dispatch<MultiplyKeys, const AttentionSums&, const AttentionRows&, const float*, int64_t, int64_t, const AttentionBlock&>(
        sums, {a, a_stride, 1}, packed.packed(), packed.length(), packed.size(), block);
    if constexpr (!std::is_same_v<T, float>)
      dispatch<ConvertRows<T, float>, T*, int64_t, const float*>(to, stride, sums.data, sums.stride, block.rows(), packed.size());
  }
  /// to [T, D], of which the block's keys += the transpose of `a` [rows, keys] times b [rows, D].
  void add_transposed(float* to, int64_t size, const float* a, int64_t a_stride, const T* b, int64_t b_stride,
                      const AttentionBlock& block) const {
    float* packed = packed_block_rows.take<float>(block.rows() * panels_of(size) * kAttentionPanel);
    dispatch<PackPanels<T>, float*, const GemmMatrix<T>&>(packed, {b, b_stride, 1}, block.rows(), size);
    dispatch<AddTransposed, const AttentionSums&, const AttentionRows&, const float*, int64_t, const AttentionBlock&>(
        {to, size}, {a, a_stride, 1}, packed, size, block);
  }

  void softmax(float* scores, float*, int64_t stride, const AttentionBlock& block, float scale) const {
    dispatch<SoftmaxRows, float*, int64_t, const AttentionBlock&, float>(scores, stride, block, scale);
  }
  void softmax_backward(float*, float* dp, const float* p, int64_t stride, const AttentionBlock& block, float scale) const {
    dispatch<SoftmaxRowsBackward, float*, const float*, int64_t, const AttentionBlock&, float>(dp, p, stride, block, scale);
  }

 private:
  struct Rows {
    const T* data;
    int64_t stride;
  };
  /// A line more than a row needs keeps the rows of a tile out of each other's cache sets.
  static int64_t padded(int64_t size) { return (size / kLanes + 2) * kLanes; }

  static AttentionRows widened(const Rows& a, int64_t rows, int64_t size) {
    if constexpr (std::is_same_v<T, float>) {
      return {a.data, a.stride, 1};
    } else {
      float* single = single_rows.take<float>(rows * padded(size));
      dispatch<ConvertRows<float, T>, float*, int64_t, const T*>(single, padded(size), a.data, a.stride, rows, size);
      return {single, padded(size), 1};
    }
  }
  static AttentionSums sums_for(T* to, int64_t stride, int64_t rows, int64_t size) {
    if constexpr (std::is_same_v<T, float>) {
      return {to, stride};
    } else {
      return {single_rows.take<float>(rows * padded(size)), padded(size)};
    }
  }
};

}  // namespace
}  // namespace hyperfit::kernels
