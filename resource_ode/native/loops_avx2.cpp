// The loops for processors with AVX2.

#include "kinds.h"

#if defined(HAS_KINDS)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define WIDTH 4
namespace {
#include "cascade_of_a_kind.h"
}  // namespace
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

extern const Kernels avx2_kernels = KERNELS;
#endif
