#pragma once
#include <napi.h>

namespace hyperfit::binding {

/// Warns once, by process.emitWarning, where a kernel could not be launched and libtorch computes in its place, and where work could not be
/// recorded as a graph. Throws nothing.
void deliver_launch_notes(Napi::Env env);

/// setKernelImages(path, unpacked): the compiled kernels for cards, or "" for none. cudaKernels(): what became of them. setGraphs(enabled)
/// and deviceGraphs(): the same of graphs.
void init_launches(Napi::Env env, Napi::Object exports);

}  // namespace hyperfit::binding
