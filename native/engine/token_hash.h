#pragma once
#include <cstdint>
#include <span>

namespace hyperfit {

/// 64-bit hash of a run of tokens. Users compare the tokens themselves on a hit, so a collision costs time, never truth.
inline uint64_t hash_tokens(std::span<const int32_t> tokens) {
  uint64_t hash = 0x9e3779b97f4a7c15 ^ tokens.size();
  for (int32_t token : tokens) {
    hash ^= static_cast<uint32_t>(token);
    hash *= 0xff51afd7ed558ccd;
    hash ^= hash >> 32;
  }
  return hash;
}

}  // namespace hyperfit
