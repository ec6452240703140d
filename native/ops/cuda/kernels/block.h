#pragma once
// One block of threads, on a card or as loops on the host. Kernels know threads through this alone, so that one source serves both and adds
// up in the same order on both.
#include "kernels.h"

#ifdef __CUDACC__
#define HYPERFIT_FUNCTION __device__ __forceinline__
/// Memory that the threads of a block share. It holds anything when a kernel begins.
#define HYPERFIT_SHARED __shared__
#else
#include <math.h>
#include <string.h>
#define HYPERFIT_FUNCTION inline
#define HYPERFIT_SHARED static thread_local
#endif

namespace hyperfit::cuda {

constexpr int kWarps = kThreads / kWarp;

#ifdef __CUDACC__

HYPERFIT_FUNCTION Index block_index() { return blockIdx.x; }
HYPERFIT_FUNCTION Index block_count() { return gridDim.x; }

/// body(thread), by each thread of the block.
template <class Body>
HYPERFIT_FUNCTION void each_thread(Body body) {
  body(static_cast<int>(threadIdx.x));
}

/// What any thread of the block wrote to shared memory before is seen by all after it.
HYPERFIT_FUNCTION void barrier() { __syncthreads(); }

/// Adds where other threads, of any block, do so too: whole numbers give the same sum whoever comes first.
HYPERFIT_FUNCTION void add_to(unsigned long long& sum, unsigned long long number) { atomicAdd(&sum, number); }
/// A number that no other thread gets: 0, 1, ...
HYPERFIT_FUNCTION int next_of(int& count) { return atomicAdd(&count, 1); }

template <class T>
HYPERFIT_FUNCTION T of_lane(T value, int lane) {
  static_assert(sizeof(T) % 4 == 0, "values are exchanged word by word");
  unsigned words[sizeof(T) / 4];
  memcpy(words, &value, sizeof(T));
#pragma unroll
  for (unsigned& word : words) word = __shfl_sync(~0U, word, lane);
  memcpy(&value, words, sizeof(T));
  return value;
}

template <int kLanes, class T, class Join>
HYPERFIT_FUNCTION T join_lanes(T value, Join join) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int offset = kLanes / 2; offset > 0; offset /= 2) value = join(value, of_lane(value, lane ^ offset));
  return value;
}

/// The same as a loop, where it comes once a row: unrolled, what blocks gather was a tenth of all machine code.
template <int kLanes, class T, class Join>
HYPERFIT_FUNCTION T join_lanes_by_loop(T value, Join join) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll 1
  for (int offset = kLanes / 2; offset > 0; offset /= 2) value = join(value, of_lane(value, lane ^ offset));
  return value;
}

/// What part(thread) of all threads gives together, the same in every thread. A barrier: what a thread wrote before is seen after it.
template <class T, class Part, class Join>
HYPERFIT_FUNCTION T gather(Part part, Join join) {
  __shared__ T parts[kWarps];
  const int thread = static_cast<int>(threadIdx.x);
  T value = join_lanes_by_loop<kWarp>(part(thread), join);
  if (thread % kWarp == 0) parts[thread / kWarp] = value;
  __syncthreads();
  value = of_lane(join_lanes_by_loop<kWarps>(parts[thread % kWarps], join), 0);
  __syncthreads();  // the next gather writes to the same memory
  return value;
}

/// use(warp, value) by one thread of each warp, with what part(thread) of its threads gives together.
template <class T, class Part, class Join, class Use>
HYPERFIT_FUNCTION void gather_warps(Part part, Join join, Use use) {
  const int thread = static_cast<int>(threadIdx.x);
  const T value = join_lanes<kWarp>(part(thread), join);
  if (thread % kWarp == 0) use(thread / kWarp, value);
}

#else

inline thread_local Index host_block = 0, host_blocks = 1;
inline Index block_index() { return host_block; }
inline Index block_count() { return host_blocks; }
inline void barrier() {}  // each_thread has come to its end for every thread
inline void add_to(unsigned long long& sum, unsigned long long number) { sum += number; }
inline int next_of(int& count) { return count++; }

template <class Body>
void each_thread(Body body) {
  for (int thread = 0; thread < kThreads; ++thread) body(thread);
}

// The first lane's sum of the exchange across a warp.
template <class T, class Join>
T join_lanes(T* values, int lanes, Join join) {
  for (int offset = lanes / 2; offset > 0; offset /= 2) {
    for (int lane = 0; lane < offset; ++lane) values[lane] = join(values[lane], values[lane + offset]);
  }
  return values[0];
}

template <class T, class Part, class Join>
T gather(Part part, Join join) {
  T values[kThreads], parts[kWarps];
  for (int thread = 0; thread < kThreads; ++thread) values[thread] = part(thread);
  for (int warp = 0; warp < kWarps; ++warp) parts[warp] = join_lanes(values + warp * kWarp, kWarp, join);
  return join_lanes(parts, kWarps, join);
}

template <class T, class Part, class Join, class Use>
void gather_warps(Part part, Join join, Use use) {
  for (int warp = 0; warp < kWarps; ++warp) {
    T values[kWarp];
    for (int lane = 0; lane < kWarp; ++lane) values[lane] = part(warp * kWarp + lane);
    use(warp, join_lanes(values, kWarp, join));
  }
}

#endif

}  // namespace hyperfit::cuda
