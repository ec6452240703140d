#pragma once
#include <c10/core/Device.h>

#include <optional>
#include <string>

namespace hyperfit::cuda {

/// Whether kernels may be tried on that device: there is a driver that counts it.
bool may_launch(c10::Device device);

/// What the package has compiled, from now on: the file, which is read once a card needs it, or what is in it where it was packed. Empty:
/// nothing.
void set_kernel_images(const std::string& path, std::string unpacked = {});

struct LaunchReport {
  std::string images;   // path, or empty
  int64_t launches;     // of this process
  std::string failure;  // the first one since the images were chosen, or empty
};
LaunchReport launch_report();
/// A note that nobody has been told yet.
std::optional<std::string> take_launch_note();

}  // namespace hyperfit::cuda
