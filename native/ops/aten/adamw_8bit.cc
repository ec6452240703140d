#include <ATen/ops/bucketize.h>
#include <ATen/ops/full.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>

#include "ops/aten/kept_table.h"
#include "ops/aten/table.h"
#include "ops/dynamic_map.h"

namespace hyperfit::aten {
namespace {

constexpr int64_t kPart = int64_t{1} << 22;  // elements whose float32 moments stand at once; a multiple of kMomentBlock

/// Writes results, unless the device has found that all stays as it is.
class Writer {
 public:
  explicit Writer(const at::Tensor& found_inf) : stays_(found_inf.defined() ? found_inf.gt(0) : at::Tensor()) {}
  void put(at::Tensor target, const at::Tensor& result) const {
    target.copy_(stays_.defined() ? at::where(stays_, target, result) : result);
  }

 private:
  at::Tensor stays_;
};

/// The tables of a map, on a device.
class Codec {
 public:
  Codec(const DynamicMap& map, at::Device device, const Writer& writer)
      : map_(map),
        writer_(writer),
        values_(kept_on(map.values.data(), 256, device)),
        edges_(kept_on(map.edges.data(), map.largest, device)) {}

  at::Tensor decode(const at::Tensor& codes, const at::Tensor& absmax) const {
    return values_.index_select(0, codes.to(at::kInt)).view({-1, kMomentBlock}).mul_(absmax.unsqueeze(1)).view({-1});
  }

  void encode(const at::Tensor& codes, const at::Tensor& absmax, const at::Tensor& moments) const {
    const at::Tensor magnitudes = moments.abs().view({-1, kMomentBlock}), largest = magnitudes.amax({1});
    const at::Tensor divisor = at::where(largest.gt(0), largest, 1.0).unsqueeze(1);
    const at::Tensor numbers = at::bucketize(magnitudes.div(divisor), edges_, /*out_int32=*/true).view({-1});
    writer_.put(absmax, largest);
    writer_.put(codes, codes_of(numbers, moments).to(at::kByte));
  }

 private:
  at::Tensor codes_of(const at::Tensor& numbers, const at::Tensor& moments) const {
    // Of an unsigned map what is not zero never becomes zero: a root of zero would stand below the next update.
    if (map_.lowest == 0) return at::maximum(numbers, moments.gt(0).to(at::kInt));
    return at::where(moments.lt(0), numbers.clamp_max(map_.lowest).neg_(), numbers).add_(map_.zero);
  }
  const DynamicMap& map_;
  const Writer& writer_;
  at::Tensor values_, edges_;
};

at::Tensor moved_by_host(const AdamWUpdate& u, const at::Tensor& values, const at::Tensor& mean, const at::Tensor& square) {
  const double correction1 = 1 - std::pow(u.beta1, u.step), correction2 = 1 - std::pow(u.beta2, u.step);
  const at::Tensor root = square.sqrt().div_(std::sqrt(correction2)).add_(u.eps);
  return values.mul(1 - u.learning_rate * u.weight_decay).addcdiv(mean, root, -u.learning_rate / correction1);
}

// The same by numbers of the device, in float64 as the host's.
at::Tensor moved_by_device(const AdamWUpdate& u, const at::Tensor& values, const at::Tensor& mean, const at::Tensor& square) {
  const auto number = [&](const at::Tensor& there, double host) {
    return there.defined() ? there.to(at::kDouble) : at::full({}, host, values.options().dtype(at::kDouble));
  };
  const at::Tensor step = number(u.device_step, static_cast<double>(u.step)), rate = number(u.device_learning_rate, u.learning_rate);
  const auto correction = [&](double beta) { return at::pow(beta, step).neg_().add_(1); };
  const at::Tensor root = square.sqrt().div_(correction(u.beta2).sqrt_()).add_(u.eps);
  return values.mul(rate.mul(-u.weight_decay).add_(1)).sub_(mean.div(root).mul_(rate.div(correction(u.beta1))));
}

}  // namespace

void adamw_8bit(const AdamWUpdate& u) {
  const auto moved = u.device_step.defined() || u.device_learning_rate.defined() ? moved_by_device : moved_by_host;
  const Writer writer(u.found_inf);
  const Codec of_mean(DynamicMap::of_signed(), u.values.device(), writer), of_square(DynamicMap::of_unsigned(), u.values.device(), writer);
  for (int64_t begin = 0; begin < u.values.numel(); begin += kPart) {
    const int64_t size = std::min(kPart, u.values.numel() - begin);
    const auto part = [&](const at::Tensor& flat) { return flat.narrow(0, begin, size); };
    const auto blocks = [&](const at::Tensor& flat) { return flat.narrow(0, begin / kMomentBlock, size / kMomentBlock); };
    const at::Tensor gradients = u.divisor.defined() ? part(u.gradients).div(u.divisor) : part(u.gradients).mul(u.grad_scale);
    const at::Tensor mean = of_mean.decode(part(u.exp_avg), blocks(u.exp_avg_absmax)).lerp_(gradients, 1 - u.beta1);
    const at::Tensor square =
        of_square.decode(part(u.exp_avg_sq), blocks(u.exp_avg_sq_absmax)).mul_(u.beta2).addcmul_(gradients, gradients, 1 - u.beta2);
    writer.put(part(u.values), moved(u, part(u.values), mean, square));
    of_mean.encode(part(u.exp_avg), blocks(u.exp_avg_absmax), mean);
    of_square.encode(part(u.exp_avg_sq), blocks(u.exp_avg_sq_absmax), square);
  }
  at::Tensor rounded = u.rounded;
  if (rounded.defined()) rounded.copy_(u.values);
}

}  // namespace hyperfit::aten
