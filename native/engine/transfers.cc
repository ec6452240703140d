#include "engine/transfers.h"

#include <ATen/ops/empty.h>

#include <cstring>
#include <utility>

namespace hyperfit {
namespace {

c10::Stream current_stream(at::Device device) { return c10::impl::VirtualGuardImpl(device.type()).getStream(device); }

at::Tensor under_way(const at::Tensor& values) {
  at::Tensor host = at::empty(values.sizes(), values.options().device(at::kCPU).pinned_memory(true));
  host.copy_(values, /*non_blocking=*/true);
  return host;
}

}  // namespace

bool is_queued(at::Device device) { return !device.is_cpu() && !device.is_meta(); }

// The staging memory may be let go of at once: libtorch keeps pinned memory until the copies out of it are done.
std::vector<at::Tensor> Upload::operator()(const std::vector<at::Tensor>& parts, at::Device device) {
  if (device.is_cpu()) return parts;
  int64_t count = 0;
  for (const at::Tensor& part : parts) count += part.numel();
  at::Tensor staging = at::empty({count}, at::TensorOptions().dtype(at::kLong).pinned_memory(is_queued(device)));
  int64_t* next = staging.data_ptr<int64_t>();
  for (const at::Tensor& part : parts) {
    std::memcpy(next, part.const_data_ptr<int64_t>(), part.nbytes());
    next += part.numel();
  }
  at::Tensor all = buffer_.view({count}, at::TensorOptions().dtype(at::kLong).device(device));
  all.copy_(staging, /*non_blocking=*/true);
  std::vector<at::Tensor> there;
  int64_t start = 0;
  for (const at::Tensor& part : parts) {
    there.push_back(all.narrow(0, start, part.numel()).view(part.sizes()));
    start += part.numel();
  }
  return there;
}

Download::Download(std::vector<at::Tensor> values) : host_(std::move(values)) {
  const at::Device device = host_.front().device();
  for (at::Tensor& value : host_) value = is_queued(device) ? under_way(value) : value.cpu();
  if (!is_queued(device)) return;
  arrived_.emplace(device.type());
  arrived_->record(current_stream(device));
}

const std::vector<at::Tensor>& Download::wait() {
  if (arrived_) arrived_->synchronize();
  arrived_.reset();
  return host_;
}

at::Tensor to_host(const at::Tensor& values) { return Download({values}).wait().front(); }

}  // namespace hyperfit
