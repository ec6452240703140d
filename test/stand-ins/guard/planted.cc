#include "planted.h"

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/ones.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <atomic>

namespace guard::planted {
namespace {

at::Tensor on(c10::Device device, at::ScalarType type = at::kFloat) { return at::ones({4}, at::TensorOptions(type).device(device)); }

void wait_for(c10::Device device) {
  const c10::impl::VirtualGuardImpl impl(device.type());
  c10::Event event(device.type());
  event.record(impl.getStream(device));
  event.synchronize();
}

}  // namespace

float touch_on_host(c10::Device device) {
  const at::Tensor logits = on(device).mul(2);
  const volatile float* values = logits.data_ptr<float>();
  return values[3];
}

float touch_on_worker(c10::Device device) {
  const at::Tensor logits = on(device).mul(2);
  const volatile float* values = logits.data_ptr<float>();
  std::atomic<float> sum = 0;
  at::parallel_for(0, 4, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sum.store(sum.load() + values[i]);
  });
  return sum;
}

at::Tensor leave_on_host(c10::Device device) {
  const at::Tensor embedding = at::ones({8, 4}, at::TensorOptions().device(device)), ids = at::arange(3);
  return embedding.index_select(0, ids);
}

int64_t reuse_staging(c10::Device device, bool with_wait) {
  at::Tensor staging = at::empty({4}, at::TensorOptions(at::kLong).pinned_memory(true)),
             ids = at::empty({4}, at::TensorOptions(at::kLong).device(device));
  staging.fill_(1);
  ids.copy_(staging, /*non_blocking=*/true);
  const at::Tensor first = ids.sum();
  if (with_wait) wait_for(device);
  staging.fill_(2);
  ids.copy_(staging, /*non_blocking=*/true);
  return first.add(ids.sum()).item<int64_t>();
}

double read_too_early(c10::Device device, bool with_wait) {
  const at::Tensor loss = on(device).mul(3), fetched = at::empty({4}, at::TensorOptions().pinned_memory(true));
  fetched.copy_(loss, /*non_blocking=*/true);
  if (with_wait) wait_for(device);
  return fetched.data_ptr<float>()[0];
}

at::Tensor hidden_read(c10::Device device) {
  at::Tensor gradient = on(device);
  const double norm = at::linalg_vector_norm(gradient).item<double>();
  return norm > 1 ? gradient.mul(1 / norm) : gradient;
}

}  // namespace guard::planted
