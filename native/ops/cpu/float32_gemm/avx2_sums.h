#pragma once
// Six rows by sixteen columns of sums with AVX2, in instructions that no compiler reorders: in an order of its own it spills sums. Of
// sixteen registers twelve hold sums, two the panel's columns, and two what a row is multiplied by. Where two threads share a core they
// share what it decodes too, and a loop is bound by the number of its instructions: to 12 multiplications there are 8 loads and a quarter
// of a loop's step.
#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define HYPERFIT_AVX2_SUMS

namespace hyperfit::kernels {

/// So many elements are summed between two turns of the outer loop.
constexpr int64_t kAvx2Turn = 16;

#define HYPERFIT_EACH_SUM(one) one(0) one(1) one(2) one(3) one(4) one(5) one(6) one(7) one(8) one(9) one(10) one(11)
#define HYPERFIT_LOAD_SUM(i) "vmovaps 32*" #i "(%[sums]), %%ymm" #i "\n"
#define HYPERFIT_STORE_SUM(i) "vmovaps %%ymm" #i ", 32*" #i "(%[sums])\n"
// One of six rows: what stands at `at` times both registers of columns.
#define HYPERFIT_ROW(at, x, left, right) \
  "vbroadcastss " at ", %%" x "\n vfmadd231ps %%ymm12, %%" x ", %%" left "\n vfmadd231ps %%ymm13, %%" x ", %%" right "\n"
#define HYPERFIT_COLUMN(k, panel, a0, a1, a2, a3, a4, a5)                                                                           \
  "vmovups 64*" #k "(" panel "), %%ymm12\n vmovups 64*" #k "+32(" panel "), %%ymm13\n" HYPERFIT_ROW(a0, "ymm14", "ymm0", "ymm1")    \
      HYPERFIT_ROW(a1, "ymm15", "ymm2", "ymm3") HYPERFIT_ROW(a2, "ymm14", "ymm4", "ymm5") HYPERFIT_ROW(a3, "ymm15", "ymm6", "ymm7") \
          HYPERFIT_ROW(a4, "ymm14", "ymm8", "ymm9") HYPERFIT_ROW(a5, "ymm15", "ymm10", "ymm11")
// Element k of six dense rows: three of them from `near` on, `stride` bytes apart, three from `far` on.
#define HYPERFIT_OF_ROWS(k)                                                                                      \
  HYPERFIT_COLUMN(k, "%[panel]", "4*" #k "(%[near])", "4*" #k "(%[near],%[stride])", "4*" #k "(%[near],%[stride],2)",         \
                  "4*" #k "(%[far])", "4*" #k "(%[far],%[stride])", "4*" #k "(%[far],%[stride],2)")
// Six neighbours in a column, whose address follows each number.
#define HYPERFIT_OF_COLUMN(k, from) HYPERFIT_COLUMN(k, "%[panel]", "0" from, "4" from, "8" from, "12" from, "16" from, "20" from)
// `ask` for what the next tile will read, then four times four products.
#define HYPERFIT_ADD_PRODUCTS(ask, body, next_turn)                                                                                \
  asm volatile(                                                                                                                    \
      HYPERFIT_EACH_SUM(HYPERFIT_LOAD_SUM) "1:\n" ask "mov $4, %%eax\n .p2align 5\n 2:\n" body                                     \
                                           "add $256, %[panel]\n dec %%eax\n jnz 2b\n" next_turn                                   \
                                           "sub $16, %[count]\n jnz 1b\n" HYPERFIT_EACH_SUM(HYPERFIT_STORE_SUM)                    \
      : [near] "+r"(near), [far] "+r"(far), [panel] "+r"(panel), [next] "+r"(next), [next_far] "+r"(next_far), [count] "+r"(count) \
      : [stride] "r"(stride * static_cast<int64_t>(sizeof(float))), [sums] "r"(sums)                                               \
      : "rax", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", \
        "xmm14", "xmm15", "memory", "cc")

/// Adds `count` products, a multiple of kAvx2Turn and not zero, to each of sums [6, 16]: of six dense rows, `stride` elements apart, with
/// panel [count, 16]. The next tile's rows stand at `next`.
inline void add_avx2_rows(float* sums, const float* near, int64_t stride, const float* next, const float* panel, int64_t count) {
  const float *far = near + 3 * stride, *next_far = next + 3 * stride;
  HYPERFIT_ADD_PRODUCTS(
      "prefetcht0 (%[next])\n prefetcht0 (%[next],%[stride])\n prefetcht0 (%[next],%[stride],2)\n"
      "prefetcht0 (%[next_far])\n prefetcht0 (%[next_far],%[stride])\n prefetcht0 (%[next_far],%[stride],2)\n",
      HYPERFIT_OF_ROWS(0) HYPERFIT_OF_ROWS(1) HYPERFIT_OF_ROWS(2) HYPERFIT_OF_ROWS(3) "add $16, %[near]\n add $16, %[far]\n",
      "add $64, %[next]\n add $64, %[next_far]\n");
}

/// The same of six rows whose columns are dense, `stride` elements apart.
inline void add_avx2_columns(float* sums, const float* near, int64_t stride, const float* next, const float* panel, int64_t count) {
  const float *far = near + 3 * stride, *next_far = next + 8 * stride;
  HYPERFIT_ADD_PRODUCTS(
      "prefetcht0 (%[next])\n prefetcht0 64(%[next])\n prefetcht0 128(%[next])\n"
      "prefetcht0 192(%[next])\n prefetcht0 256(%[next])\n prefetcht0 320(%[next])\n",
      HYPERFIT_OF_COLUMN(0, "(%[near])") HYPERFIT_OF_COLUMN(1, "(%[near],%[stride])") HYPERFIT_OF_COLUMN(2, "(%[near],%[stride],2)")
          HYPERFIT_OF_COLUMN(3, "(%[far])") "lea (%[near],%[stride],4), %[near]\n lea (%[far],%[stride],4), %[far]\n",
      "lea (%[next_far],%[stride],8), %[next]\n lea (%[next],%[stride],8), %[next_far]\n");
}

#define HYPERFIT_EVERY_SIXTEENTH(k)                                                                                                \
  HYPERFIT_COLUMN(k, "%%rsi", "64*" #k "(%%rax)", "64*" #k "(%%rax,%[stride])", "64*" #k "(%%rax,%[stride],2)", "64*" #k "(%%rdx)", \
                  "64*" #k "(%%rdx,%[stride])", "64*" #k "(%%rdx,%[stride],2)")

/// So many of every sixteenth element are summed in a turn.
constexpr int64_t kAvx2LaneTurn = 4;

/// Adds `count` products, a multiple of kAvx2LaneTurn and not zero, to each of sums [6, 16], which stay in their registers: of every
/// sixteenth element of six dense rows, `stride` elements apart, with panel [count, 16].
template <class Floats>
[[gnu::always_inline]] inline void add_avx2_lane_sum(Floats (&sums)[12], const float* near, int64_t stride, const float* panel,
                                                     int64_t count) {
  register Floats s0 asm("ymm0") = sums[0], s1 asm("ymm1") = sums[1], s2 asm("ymm2") = sums[2], s3 asm("ymm3") = sums[3];
  register Floats s4 asm("ymm4") = sums[4], s5 asm("ymm5") = sums[5], s6 asm("ymm6") = sums[6], s7 asm("ymm7") = sums[7];
  register Floats s8 asm("ymm8") = sums[8], s9 asm("ymm9") = sums[9], s10 asm("ymm10") = sums[10], s11 asm("ymm11") = sums[11];
  asm volatile(
      "mov %[near], %%rax\n lea (%[near],%[stride],2), %%rdx\n add %[stride], %%rdx\n mov %[panel], %%rsi\n mov %[count], %%rcx\n"
      ".p2align 5\n 1:\n" HYPERFIT_EVERY_SIXTEENTH(0) HYPERFIT_EVERY_SIXTEENTH(1) HYPERFIT_EVERY_SIXTEENTH(2) HYPERFIT_EVERY_SIXTEENTH(3)
      "add $256, %%rsi\n add $256, %%rax\n add $256, %%rdx\n sub $4, %%rcx\n jnz 1b\n"
      : "+x"(s0), "+x"(s1), "+x"(s2), "+x"(s3), "+x"(s4), "+x"(s5), "+x"(s6), "+x"(s7), "+x"(s8), "+x"(s9), "+x"(s10), "+x"(s11)
      : [near] "r"(near), [panel] "r"(panel), [count] "r"(count), [stride] "r"(stride * static_cast<int64_t>(sizeof(float)))
      : "rax", "rcx", "rdx", "rsi", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3, sums[4] = s4, sums[5] = s5;
  sums[6] = s6, sums[7] = s7, sums[8] = s8, sums[9] = s9, sums[10] = s10, sums[11] = s11;
}

#undef HYPERFIT_EVERY_SIXTEENTH
#undef HYPERFIT_ADD_PRODUCTS
#undef HYPERFIT_OF_COLUMN
#undef HYPERFIT_OF_ROWS
#undef HYPERFIT_COLUMN
#undef HYPERFIT_ROW
#undef HYPERFIT_STORE_SUM
#undef HYPERFIT_LOAD_SUM
#undef HYPERFIT_EACH_SUM

}  // namespace hyperfit::kernels

#endif
