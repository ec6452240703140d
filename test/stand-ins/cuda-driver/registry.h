#pragma once
#include <string>

namespace stand_in {

/// Blocks from `first` to before `end`, of so many.
struct Blocks {
  unsigned first, end, of;
};

/// Runs a kernel as loops on the host. `translate` turns each address among its arguments into one that the host may use, or throws.
using Translate = void* (*)(void* address);
using Runner = void (*)(const Blocks& blocks, void** arguments, Translate translate);

/// The kernel of that name, compiled for the host, or null.
Runner runner_of(const std::string& name);

}  // namespace stand_in
