#pragma once
#include <memory>
#include <string>
#include <vector>

namespace stand_in {

/// Blocks from `first` to before `end`, of so many.
struct Blocks {
  unsigned first, end, of;
};

/// Runs a kernel as loops on the host. `translate` turns each address among its arguments into one that the host may use, or throws.
using Translate = void* (*)(void* address);
using Runner = void (*)(const Blocks& blocks, void** arguments, Translate translate);

/// Arguments of a launch, of which a graph keeps the values.
struct KeptArguments {
  std::shared_ptr<void> values;
  std::vector<void*> places;     // of each of them
  std::vector<void*> addresses;  // those that are such
};
using Keeper = KeptArguments (*)(void** arguments);

struct HostKernel {
  Runner run = nullptr;
  Keeper keep = nullptr;
};

/// The kernel of that name, compiled for the host, or null in both.
HostKernel kernel_of(const std::string& name);

}  // namespace stand_in
