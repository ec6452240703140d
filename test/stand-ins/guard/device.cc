#include "device.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/DeviceType.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/csrc/autograd/engine.h>

#include <array>
#include <atomic>

#include "copies.h"
#include "memory.h"

namespace guard {
namespace {

thread_local c10::DeviceIndex current_device = 0;
thread_local std::array<c10::StreamId, kDevices> current_streams{};
std::atomic<c10::StreamId> last_stream{0};

void check_index(c10::DeviceIndex index) {
  TORCH_CHECK(index >= -1 && index < kDevices, "guard: invalid device ordinal ", static_cast<int>(index), "; there are ",
              static_cast<int>(kDevices));
}

c10::DeviceIndex index_of(c10::Device device) {
  check_index(device.index());
  return device.has_index() ? device.index() : current_device;
}

struct Event {
  c10::Stream stream;
  int64_t up_to;
};

struct GuardImpl final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::kPrivateUse1; }
  c10::Device exchangeDevice(c10::Device device) const override {
    const c10::Device before = getDevice();
    setDevice(device);
    return before;
  }
  c10::Device getDevice() const override { return {c10::kPrivateUse1, current_device}; }
  void setDevice(c10::Device device) const override { current_device = index_of(device); }
  void uncheckedSetDevice(c10::Device device) const noexcept override {
    if (device.has_index()) current_device = device.index();
  }
  c10::DeviceIndex deviceCount() const noexcept override { return kDevices; }

  c10::Stream getStream(c10::Device device) const override { return stream(current_streams[index_of(device)], device); }
  c10::Stream getDefaultStream(c10::Device device) const override { return stream(0, device); }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override { return getNewStream(device, 0); }
  c10::Stream getNewStream(c10::Device device, int) const override { return stream(++last_stream, device); }
  c10::Stream exchangeStream(c10::Stream stream) const override {
    const c10::Stream before = getStream(stream.device());
    current_streams[index_of(stream.device())] = stream.id();
    return before;
  }
  void* getStreamNativeHandle(const c10::Stream stream) const override { return reinterpret_cast<void*>(stream.id()); }
  bool queryStream(const c10::Stream& stream) const override {
    wait(stream);
    return true;
  }
  void synchronizeStream(const c10::Stream& stream) const override { wait(stream); }
  void synchronizeDevice(c10::DeviceIndex device) const override { wait_for_device(device < 0 ? current_device : device); }

  void record(void** event, const c10::Stream& stream, c10::DeviceIndex, c10::EventFlag) const override {
    delete static_cast<Event*>(*event);
    *event = new Event{stream, last_deferred()};
  }
  void block(void*, const c10::Stream&) const override {}  // operators run in the order of their calls
  bool queryEvent(void* event) const override {
    synchronizeEvent(event);
    return true;
  }
  void synchronizeEvent(void* event) const override {
    if (event == nullptr) return;
    const auto* recorded = static_cast<Event*>(event);
    wait(recorded->stream, recorded->up_to);
  }
  void destroyEvent(void* event, c10::DeviceIndex) const noexcept override { delete static_cast<Event*>(event); }

 private:
  static c10::Stream stream(c10::StreamId id, c10::Device device) {
    return c10::Stream(c10::Stream::UNSAFE, c10::Device(c10::kPrivateUse1, index_of(device)), id);
  }
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return kDevices; }
  c10::DeviceIndex getCurrentDevice() const override { return current_device; }
  void setCurrentDevice(c10::DeviceIndex index) const override {
    check_index(index);
    current_device = index;
  }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex index) const override {
    const c10::DeviceIndex before = current_device;
    if (index >= 0) setCurrentDevice(index);
    return before;
  }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex index) const override { return exchangeDevice(index); }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex index) const override {
    return generator_of(index < 0 ? current_device : index);
  }
  at::Generator getNewGenerator(c10::DeviceIndex) const override { return at::make_generator<at::CPUGeneratorImpl>(); }
  at::Device getDeviceFromPtr(void* data) const override {
    const int device = device_at(reinterpret_cast<uintptr_t>(data));
    TORCH_CHECK(device >= 0, "guard: expected an address of a guarded device");
    return {c10::kPrivateUse1, static_cast<c10::DeviceIndex>(device)};
  }
  bool isPinnedPtr(const void* data) const override { return is_pinned(data); }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &pinned_allocator(); }
  void resizePrivateUse1Bytes(const c10::Storage& storage, size_t bytes) const override {
    resize_storage(*storage.unsafeGetStorageImpl(), bytes);
  }
};

/// Autograd counts devices at the first backward of the process and never again, and that may have been before this module
/// was loaded. This engine counts anew, after the other has surely done so.
struct FreshEngine final : torch::autograd::Engine {
  FreshEngine() {
    get_base_engine().initialize_device_threads_pool();
    start_device_threads();
  }
};

torch::autograd::Engine& fresh_engine() {
  static auto* made = new FreshEngine();
  return *made;
}

}  // namespace

at::Generator& generator_of(c10::DeviceIndex device) {
  static auto* made =
      new std::array<at::Generator, kDevices>{at::make_generator<at::CPUGeneratorImpl>(), at::make_generator<at::CPUGeneratorImpl>()};
  check_index(device);
  return (*made)[device];
}

void register_device() {
  c10::register_privateuse1_backend("guard");
  c10::SetAllocator(c10::kPrivateUse1, &device_allocator());
  at::setHostAllocator(c10::kPrivateUse1, &pinned_allocator());
  c10::impl::registerDeviceGuard(c10::kPrivateUse1, new GuardImpl());
  at::RegisterPrivateUse1HooksInterface(new Hooks());
  torch::autograd::set_default_engine_stub(fresh_engine);
}

}  // namespace guard
