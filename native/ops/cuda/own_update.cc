#include <algorithm>

#include "ops/aten/kept_table.h"
#include "ops/cuda/launch/launch.h"
#include "ops/cuda/own_rows.h"
#include "ops/dynamic_map.h"

namespace hyperfit::cuda::own {
namespace {

constexpr int64_t kEach = kThreads * 4 * 8;   // elements a block: enough that what it computes once does not count
constexpr int64_t kMostParts = 1024;          // of one tensor's sum of squares

static_assert(kDecades == DynamicMap::kDecades && kThreads == kMomentBlock, "kernels/adamw_8bit.cu counts them so");

bool is_dense_float(const at::Tensor& tensor) { return is_float(tensor) && tensor.is_contiguous(); }
bool is_number(const at::Tensor& tensor) { return !tensor.defined() || (is_float(tensor) && tensor.numel() == 1); }

bool takes(const char* source, const AdamWUpdate& u) {
  return may_launch_from(source, u.values.device()) && is_dense_float(u.values) && is_dense_float(u.gradients) &&
         u.exp_avg.is_contiguous() && u.exp_avg_sq.is_contiguous() &&
         (!u.rounded.defined() || (is_bfloat16(u.rounded) && u.rounded.is_contiguous())) && is_number(u.divisor) &&
         is_number(u.found_inf) && is_number(u.device_learning_rate) && is_number(u.device_step);
}

AdamWNumbers numbers_of(const AdamWUpdate& u) {
  return {u.learning_rate, u.beta1, u.beta2, u.eps, u.weight_decay, u.grad_scale, u.step};
}

MomentMap map_of(const DynamicMap& map) {
  MomentMap made{};
  std::copy(map.above.begin(), map.above.end(), made.above);
  std::copy(map.slope.begin(), map.slope.end(), made.slope);
  std::copy(map.offset.begin(), map.offset.end(), made.offset);
  std::copy(map.first.begin(), map.first.end(), made.first);
  std::copy(map.most.begin(), map.most.end(), made.most);
  made.last_edge = map.edges[map.largest - 1];
  made.zero = map.zero;
  made.lowest = map.lowest;
  return made;
}

// Others tell by the version that values have changed.
void mark_written(const AdamWUpdate& u) { u.values.unsafeGetTensorImpl()->bump_version(); }

int64_t parts_of(const at::Tensor& tensor) { return std::min(kMostParts, blocks_for(tensor.numel(), kEach)); }

}  // namespace

void adamw(const AdamWUpdate& u) {
  const int64_t count = u.values.numel();
  const bool done = takes("adamw", u) && is_float(u.exp_avg) && is_float(u.exp_avg_sq) &&
                    HYPERFIT_LAUNCH("adamw", adamw, u.values.device(), blocks_for(count, kEach), data_of(u.values), data_of(u.exp_avg),
                                    data_of(u.exp_avg_sq), data_of(u.gradients), data_of(u.rounded), data_of(u.divisor),
                                    data_of(u.found_inf), data_of(u.device_learning_rate), data_of(u.device_step), numbers_of(u), count);
  if (!done) return libtorch_rows(u.values.device()).adamw(u);
  mark_written(u);
}

void adamw_8bit(const AdamWUpdate& u) {
  const at::Device device = u.values.device();
  if (!takes("adamw_8bit", u)) return libtorch_rows(device).adamw_8bit(u);
  const DynamicMap &of_means = DynamicMap::of_signed(), &of_squares = DynamicMap::of_unsigned();
  const at::Tensor mean_values = aten::kept_on(of_means.values.data(), kThreads, device);
  const at::Tensor square_values = aten::kept_on(of_squares.values.data(), kThreads, device);
  const int64_t blocks = u.values.numel() / kMomentBlock;
  constexpr int64_t kBlocksEach = kEach / kMomentBlock;
  const bool done =
      HYPERFIT_LAUNCH("adamw_8bit", adamw_8bit, device, blocks_for(blocks, kBlocksEach), data_of(u.values), data_of(u.exp_avg),
                      data_of(u.exp_avg_sq), data_of(u.exp_avg_absmax), data_of(u.exp_avg_sq_absmax), data_of(u.gradients),
                      data_of(u.rounded), data_of(mean_values), data_of(square_values), data_of(u.divisor), data_of(u.found_inf),
                      data_of(u.device_learning_rate), data_of(u.device_step), numbers_of(u), map_of(of_means), map_of(of_squares), blocks);
  if (!done) return libtorch_rows(device).adamw_8bit(u);
  mark_written(u);
}

// Sums of each tensor one behind the other, and the norm behind all of them.
at::Tensor norm_of(const std::vector<at::Tensor>& tensors, Buffer& scratch) {
  const at::Device device = tensors.front().device();
  const bool plain = may_launch_from("vector_norm", device) && std::all_of(tensors.begin(), tensors.end(), is_dense_float);
  if (!plain) return libtorch_rows(device).norm_of(tensors, scratch);
  int64_t count = 0;
  for (const at::Tensor& tensor : tensors) count += parts_of(tensor);
  const at::Tensor room = scratch.view({count + 1}, tensors.front().options().dtype(at::kDouble));
  bool done = true;
  int64_t first = 0;
  for (const at::Tensor& tensor : tensors) {
    const int64_t parts = parts_of(tensor);
    done = done && HYPERFIT_LAUNCH("vector_norm", vector_norm_parts, device, parts, data_of(room.narrow(0, first, parts)), data_of(tensor),
                                   tensor.numel());
    first += parts;
  }
  const at::Tensor norm = room.select(0, count);
  done = done && HYPERFIT_LAUNCH("vector_norm", vector_norm, device, 1, data_of(norm), data_of(room), count);
  return done ? norm : libtorch_rows(device).norm_of(tensors, scratch);
}

}  // namespace hyperfit::cuda::own
