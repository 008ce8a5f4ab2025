// The loops for processors with AVX-512.

#include "kinds.h"

#if defined(HAS_KINDS)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,fma")
#endif
#define WIDTH 8
namespace {
#include "cascade_of_a_kind.h"
}  // namespace
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

extern const Kernels avx512_kernels = KERNELS;
#endif
