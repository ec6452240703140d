#pragma once
#include <c10/util/Half.h>

#include <cstdint>
#include <cstring>

namespace hyperfit {

/// Rounded to the nearest half, ties to even; infinite beyond 65504.
inline uint16_t half_bits(float value) { return c10::Half(value).x; }

inline float half_value(uint16_t bits) { return static_cast<float>(c10::Half(bits, c10::Half::from_bits())); }

inline void put_half(uint8_t* out, float value) {
  const uint16_t bits = half_bits(value);
  std::memcpy(out, &bits, sizeof(bits));
}

}  // namespace hyperfit
