#include "ops/cuda/launch/launch.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <utility>

#include "ops/cuda/launch/context.h"
#include "ops/cuda/launch/driver.h"
#include "ops/cuda/launch/images.h"
#include "ops/cuda/launch/report.h"

namespace hyperfit::cuda {
namespace {

constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR

/// A card as the driver sees it, with the kernels that were found for it.
struct Card {
  const Driver* driver = nullptr;
  Driver::Handle context = nullptr;
  Capability capability;
  std::map<std::string, Driver::Handle> modules;    // by source
  std::map<const char*, Driver::Handle> functions;  // by the address of the name, as each place that launches has its own
  std::set<std::string> failed;                     // sources that are not tried again
  bool noted = false;
};

class Launcher {
 public:
  void set_images(const std::string& path, std::string unpacked) {
    std::lock_guard lock(mutex_);
    path_ = path;
    unpacked_ = std::move(unpacked);
    images_.reset();
    cards_.clear();
    failure_.clear();
    note_.reset();
  }

  bool launch(const KernelName& kernel, at::Device device, int64_t blocks, void** arguments) {
    std::unique_lock lock(mutex_);
    if (!is_worth_it(kernel.source, device)) return false;
    Card& card = cards_[{device.type(), device.index()}];
    try {
      const Driver::Handle function = find(card, kernel, device), context = card.context;
      const Driver& driver = *card.driver;
      lock.unlock();
      queue(driver, context, function, device, blocks, arguments);
    } catch (const std::exception& error) {
      if (!lock.owns_lock()) lock.lock();
      give_up(cards_[{device.type(), device.index()}], kernel, device, error.what());
      return false;
    }
    launches_ += 1;
    return true;
  }

  bool may_launch_from(const char* source, at::Device device) {
    std::lock_guard lock(mutex_);
    return is_worth_it(source, device);
  }

  LaunchReport report() {
    std::lock_guard lock(mutex_);
    return {path_, launches_.load(), failure_};
  }

  std::optional<std::string> take_note() {
    std::lock_guard lock(mutex_);
    return std::exchange(note_, std::nullopt);
  }

 private:
  bool is_worth_it(const char* source, at::Device device) {
    if (path_.empty() || (!device.is_cuda() && !may_launch(device))) return false;
    const auto card = cards_.find({device.type(), device.index()});
    return card == cards_.end() || card->second.failed.count(source) == 0;
  }

  Driver::Handle find(Card& card, const KernelName& kernel, at::Device device) {
    if (card.driver == nullptr) open(card, device);
    Driver::Handle& function = card.functions[kernel.name];
    if (function != nullptr) return function;
    const CurrentContext current(*card.driver, card.context);
    check(*card.driver, "cuModuleGetFunction", card.driver->cuModuleGetFunction(&function, module_of(card, kernel.source), kernel.name));
    return function;
  }

  void open(Card& card, at::Device device) {
    if (!images_) images_ = unpacked_.empty() ? Images::read(path_) : Images::parse(std::move(unpacked_), path_);
    const Driver* driver = driver_of(device.type());
    if (driver == nullptr) throw std::runtime_error("expected a driver that launches kernels, got none");
    const int ordinal = ordinal_of(*driver, device);
    check(*driver, "cuDeviceGetAttribute", driver->cuDeviceGetAttribute(&card.capability.major, kCapabilityMajor, ordinal));
    check(*driver, "cuDeviceGetAttribute", driver->cuDeviceGetAttribute(&card.capability.minor, kCapabilityMinor, ordinal));
    card.context = primary_context(*driver, device);
    card.driver = driver;
  }

  Driver::Handle module_of(Card& card, const std::string& source) {
    Driver::Handle& module = card.modules[source];
    if (module != nullptr) return module;
    Driver::Result result = 0;
    for (const char* image : images_->candidates(source, card.capability)) {
      result = card.driver->cuModuleLoadData(&module, image);
      if (result == 0) return module;
      module = nullptr;
    }
    check(*card.driver, "cuModuleLoadData", result);
    throw std::runtime_error("expected a card of compute capability 7.5 or newer, got " + std::to_string(card.capability.major) + "." +
                             std::to_string(card.capability.minor));
  }

  static void queue(const Driver& driver, Driver::Handle context, Driver::Handle function, at::Device device, int64_t blocks,
                    void** arguments) {
    const CurrentContext current(driver, context);
    void* stream = c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
    check(driver, "cuLaunchKernel",
          driver.cuLaunchKernel(function, static_cast<unsigned>(blocks), 1, 1, kThreads, 1, 1, 0, stream, arguments, nullptr));
  }

  void give_up(Card& card, const KernelName& kernel, at::Device device, const char* reason) {
    card.failed.insert(kernel.source);
    const std::string text =
        "expected to run the kernel " + std::string(kernel.name) + " on " + device.str() + ", got \"" + reason +
        "\"; libtorch's operators compute in its place, which is slower; HYPERFIT_CUDA_KERNELS=0 does without it from the start";
    if (failure_.empty()) failure_ = text;
    if (!std::exchange(card.noted, true)) note_ = text;
  }

  std::mutex mutex_;
  std::string path_, unpacked_, failure_;
  std::shared_ptr<const Images> images_;
  std::map<std::pair<at::DeviceType, at::DeviceIndex>, Card> cards_;
  std::optional<std::string> note_;
  std::atomic<int64_t> launches_{0};
};

// Never destroyed: threads outlive main.
Launcher& launcher() {
  static auto* made = new Launcher();
  return *made;
}

}  // namespace

bool launch_kernel(const KernelName& kernel, at::Device device, int64_t blocks, void** arguments) noexcept {
  if (blocks <= 0) return true;
  try {
    return launcher().launch(kernel, device, blocks, arguments);
  } catch (...) {
    return false;  // no memory to say why
  }
}

bool may_launch(at::Device device) {
  const Driver* driver = driver_of(device.type());
  int count = 0;
  return driver != nullptr && driver->cuInit(0) == 0 && driver->cuDeviceGetCount(&count) == 0 && std::max<int>(device.index(), 0) < count;
}

bool may_launch_from(const char* source, at::Device device) { return launcher().may_launch_from(source, device); }
void set_kernel_images(const std::string& path, std::string unpacked) { launcher().set_images(path, std::move(unpacked)); }
LaunchReport launch_report() { return launcher().report(); }
std::optional<std::string> take_launch_note() { return launcher().take_note(); }

}  // namespace hyperfit::cuda
