#include "copies.h"

#include <ATen/ops/empty.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>

#include "counts.h"
#include "memory.h"
#include "recorder.h"

namespace guard {
namespace {

/// A copy of which the host's side still stands out. `host` is kept alive, as CUDA's allocator of pinned memory does.
struct Deferred {
  int64_t number;
  c10::Stream stream;
  at::Tensor host;      // source or target
  at::Tensor snapshot;  // what the copy carries
  bool to_host;
};

std::mutex mutex;
int64_t last_number = 0;

std::list<Deferred>& deferred() {
  static auto* made = new std::list<Deferred>();
  return *made;
}

c10::Stream current_stream(c10::Device device) { return c10::impl::getDeviceGuardImpl(c10::kPrivateUse1)->getStream(device); }

bool same_bytes(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.contiguous(), y = b.contiguous();
  return x.nbytes() == y.nbytes() && (x.nbytes() == 0 || std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0);
}

void finish(const Deferred& copy) {
  if (copy.to_host) {
    copy.host.detach().copy_(copy.snapshot);
    return;
  }
  TORCH_CHECK(same_bytes(copy.host, copy.snapshot), "guard: the source of a non_blocking copy to ", copy.stream.device(), " (",
              copy.host.toString(), copy.host.sizes(),
              ") was written to before the device was waited for: a staging buffer used again too early");
}

/// Without a version, which would say that somebody wrote: the target of a copy that is still under way.
void poison(const at::Tensor& host) {
  if (host.numel() == 0 || !host.is_non_overlapping_and_dense()) return;
  std::memset(host.mutable_data_ptr(), host.scalar_type() == at::kBool ? 1 : 0xFF, host.nbytes());
}

void defer(c10::Device device, const at::Tensor& host, const at::Tensor& snapshot, bool to_host) {
  std::lock_guard lock(mutex);
  deferred().push_back({++last_number, current_stream(device), host.detach(), snapshot, to_host});
}

// The types are made alike on the CPU for a blocking copy, on the device for another; so are the bytes that cross.
int64_t crossing_bytes(const at::Tensor& to_device, const at::Tensor& host, int64_t count, bool non_blocking) {
  return count * static_cast<int64_t>(non_blocking ? host.itemsize() : to_device.itemsize());
}

void copy_to_device(const at::Tensor& to, const at::Tensor& from, bool non_blocking) {
  counts().host_to_device.add(crossing_bytes(to, from, to.numel(), non_blocking));
  if (!non_blocking) {
    wait(current_stream(to.device()));
    behind(to).copy_(from.detach());
    return;
  }
  const at::Tensor snapshot = from.detach().clone(at::MemoryFormat::Contiguous);
  behind(to).copy_(snapshot);
  defer(to.device(), from, snapshot, /*to_host=*/false);
}

void copy_to_host(const at::Tensor& to, const at::Tensor& from, bool non_blocking) {
  counts().device_to_host.add(crossing_bytes(from, to, from.numel(), non_blocking));
  if (!non_blocking) {
    wait(current_stream(from.device()));
    to.detach().copy_(behind(from));
    return;
  }
  const at::Tensor snapshot = behind(from).clone(at::MemoryFormat::Contiguous);
  poison(to);
  defer(from.device(), to, snapshot, /*to_host=*/true);
}

template <class Chosen>
void finish_where(Chosen chosen) {
  refuse_in_capture("a wait for the device");
  counts().synchronisations += 1;
  std::list<Deferred> due;
  {
    std::lock_guard lock(mutex);
    for (auto next = deferred().begin(); next != deferred().end();) {
      const auto copy = next++;
      if (chosen(*copy)) due.splice(due.end(), deferred(), copy);
    }
  }
  for (const Deferred& copy : due) finish(copy);
}

}  // namespace

void transfer(const at::Tensor& to, const at::Tensor& from, bool non_blocking) {
  const bool to_device = to.is_privateuseone(), from_device = from.is_privateuseone();
  TORCH_CHECK((to_device || to.is_cpu()) && (from_device || from.is_cpu()),
              "guard: expected a copy between the CPU and guarded devices, got ", from.device(), " to ", to.device());
  if (to_device != from_device || to.device() != from.device()) refuse_in_capture("a copy from or to elsewhere");
  if (!from_device) return copy_to_device(to, from, non_blocking);
  if (!to_device) return copy_to_host(to, from, non_blocking);
  if (to.device() != from.device()) counts().between_devices.add(static_cast<int64_t>(from.nbytes()));
  if (Recording* recording = capturing(to.device().index())) {
    return recording->add({number_of(to), number_of(from)}, [to = behind(to), from = behind(from)] { to.copy_(from); });
  }
  behind(to).copy_(behind(from));
}

int64_t last_deferred() {
  std::lock_guard lock(mutex);
  return last_number;
}

void wait(c10::Stream stream, int64_t up_to) {
  finish_where([&](const Deferred& copy) { return copy.stream == stream && copy.number <= up_to; });
}

void wait_for_device(c10::DeviceIndex device) {
  finish_where([&](const Deferred& copy) { return copy.stream.device_index() == device; });
}

}  // namespace guard
